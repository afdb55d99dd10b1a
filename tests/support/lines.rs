//! The lines that a process writes, as they arrive.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::poll;

/// A pipe that a dedicated thread reads, so that it never fills.
pub(crate) struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    pub(crate) fn of(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let shared = lines.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                shared.lock().expect("no panic").push(line);
            }
        });
        Self { lines, reader: Some(reader) }
    }

    /// The lines so far.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.lines.lock().expect("no panic").clone()
    }

    /// All lines, after the process has ended.
    pub(crate) fn until_the_end(&mut self) -> Vec<String> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of a pipe does not panic");
        }
        self.so_far()
    }

    /// Waits for a line that contains this text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let line = || self.so_far().into_iter().find(|line| line.contains(text));
        poll(&format!("line with {text:?}"), line)
    }
}

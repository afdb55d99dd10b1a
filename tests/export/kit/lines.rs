//! The lines that a process writes, as they come.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use super::SOON;

/// A pipe that is read to its end by a thread of its own, so that it never fills.
pub(crate) struct Lines {
    shared: Arc<(Mutex<Vec<String>>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    pub(crate) fn of(pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::<(Mutex<Vec<String>>, Condvar)>::default();
        let (lines, changed) = (shared.clone(), BufReader::new(pipe).lines());
        let reader = thread::spawn(move || {
            for line in changed.map_while(Result::ok) {
                lines.0.lock().unwrap().push(line);
                lines.1.notify_all();
            }
        });
        Self { shared, reader: Some(reader) }
    }

    /// What has come so far.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().clone()
    }

    /// All of them, once whoever writes them has ended.
    pub(crate) fn until_the_end(&mut self) -> Vec<String> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of a pipe does not panic");
        }
        self.so_far()
    }

    /// How many lines hold this text so far.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.so_far().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for a line that holds this text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let (lines, changed) = (&self.shared.0, &self.shared.1);
        let found = |lines: &Vec<String>| lines.iter().find(|line| line.contains(text)).cloned();
        let wait = changed.wait_timeout_while(lines.lock().unwrap(), SOON, |l| found(l).is_none());
        let (lines, _) = wait.unwrap();
        let line = found(&lines);
        line.unwrap_or_else(|| panic!("no line with {text:?} within {SOON:?}: {lines:#?}"))
    }
}

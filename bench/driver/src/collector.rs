//! The counting receiver's process, and what it has counted.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::process::{free_port, terminate};

/// How long nothing may come before nothing more is waited for: above every batch's delay.
const QUIET: Duration = Duration::from_millis(2_500);

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Counts {
    pub(crate) spans: u64,
    /// On the first span of the last export.
    pub(crate) attributes: u64,
    pub(crate) exports: u64,
}

pub(crate) struct Collector {
    child: Child,
    pub(crate) port: u16,
}

impl Collector {
    pub(crate) fn start(bin: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let child = Command::new(bin.join("bench-receiver"))
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the receiver")?;
        let collector = Self { child, port };
        let started = Instant::now();
        while get(port, "/counts").is_err() {
            ensure!(started.elapsed() < Duration::from_secs(5), "the receiver does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(collector)
    }

    pub(crate) fn reset(&self, delay: Duration) -> anyhow::Result<()> {
        get(self.port, &format!("/reset?delay_ms={}", delay.as_millis())).map(drop)
    }

    pub(crate) fn counts(&self) -> anyhow::Result<Counts> {
        Ok(serde_json::from_str(&get(self.port, "/counts")?)?)
    }

    /// Waits until this many spans are there, or no more come.
    pub(crate) fn settled(&self, expected: u64) -> anyhow::Result<Counts> {
        let mut counts = self.counts()?;
        let mut changed = Instant::now();
        // What was in flight when the load ended still comes after the expected count.
        let mut full = None;
        while changed.elapsed() < QUIET {
            if counts.spans >= expected {
                let full = full.get_or_insert_with(Instant::now);
                if full.elapsed() > Duration::from_millis(1_200) {
                    break;
                }
            }
            std::thread::sleep(Duration::from_millis(50));
            let now = self.counts()?;
            if now.spans != counts.spans {
                changed = Instant::now();
            }
            counts = now;
        }
        Ok(counts)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = terminate(&mut self.child);
    }
}

/// The body of an answer with status 200.
pub(crate) fn get(port: u16, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "not 200: {answer:.60}");
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    Ok(body.to_owned())
}

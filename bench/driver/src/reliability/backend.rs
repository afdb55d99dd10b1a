//! The destination of the spans: a receiver within this process, or a real Jaeger.

use std::collections::HashSet;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use otlp_receiver::{Behaviour, Receiver};

/// Jaeger opens its storage first.
const START: Duration = Duration::from_secs(30);

/// Jaeger's port for OTLP over gRPC, which is free in the network namespace of `bench/reliability`.
const JAEGER_PORT: u16 = 4317;

pub(crate) enum Backend {
    Receiver(Receiver),
    Jaeger { command: PathBuf, child: Option<Child> },
}

impl Backend {
    /// A Jaeger that has not started.
    pub(crate) fn jaeger(command: &Path) -> Self {
        Self::Jaeger { command: command.to_owned(), child: None }
    }

    pub(crate) fn endpoint(&self) -> String {
        match self {
            Self::Receiver(receiver) => receiver.endpoint(),
            Self::Jaeger { .. } => format!("http://127.0.0.1:{JAEGER_PORT}"),
        }
    }

    /// Starts it, or starts it again on the same port.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let (command, child) = match self {
            Self::Receiver(receiver) => {
                receiver.restart();
                return Ok(());
            }
            Self::Jaeger { command, child } => (command, child),
        };
        let mut jaeger = Command::new(&*command);
        jaeger.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = jaeger.env("JAEGER_LISTEN_HOST", "127.0.0.1").spawn();
        *child = Some(started.with_context(|| format!("cannot start {}", command.display()))?);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", JAEGER_PORT)).is_err() {
            ensure!(started.elapsed() < START, "{} does not listen", command.display());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Cuts every connection, as SIGKILL does.
    pub(crate) fn kill(&mut self) {
        match self {
            Self::Receiver(receiver) => receiver.stop(),
            Self::Jaeger { child, .. } => {
                if let Some(mut child) = child.take() {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        }
    }

    /// Sets how a receiver answers.
    pub(crate) fn set(&self, behaviour: Behaviour) {
        if let Self::Receiver(receiver) = self {
            receiver.set(behaviour);
        }
    }

    /// The number of distinct spans that a receiver has received and not rejected; `None` for a Jaeger.
    pub(crate) fn received(&self) -> Option<u64> {
        let Self::Receiver(receiver) = self else { return None };
        receiver.read(|all| {
            let spans: HashSet<_> = all.spans.iter().map(|span| &*span.span_id).collect();
            let rejected = all.requests.iter().filter_map(|request| match request.behaviour {
                // A receiver keeps what it calls rejected.
                Behaviour::PartialSuccess { rejected, .. } => u64::try_from(rejected).ok(),
                _ => None,
            });
            Some((spans.len() as u64).saturating_sub(rejected.sum()))
        })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

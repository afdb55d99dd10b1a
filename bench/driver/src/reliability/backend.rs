//! What takes the spans: the receiver, with a journal that outlives it, or a real Jaeger.

use std::collections::HashSet;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::Trial;
use crate::collector::get;
use crate::process::free_port;

/// Jaeger opens its storage first.
const START: Duration = Duration::from_secs(30);

/// Bytes of a trace's id and a span's in the journal.
const TRACE: usize = 16;
const SPAN: usize = 8;

pub(crate) struct Backend {
    command: PathBuf,
    journal: Option<PathBuf>,
    tls: bool,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Backend {
    /// A receiver that is not started yet.
    pub(crate) fn receiver(trial: &Trial) -> anyhow::Result<Self> {
        let port = free_port()?;
        let name = format!("bench-journal-{}-{port}", std::process::id());
        let journal = std::env::temp_dir().join(name);
        fs::write(&journal, [])?;
        let command = trial.bin.join("bench-receiver");
        Ok(Self { command, journal: Some(journal), tls: false, port, child: None })
    }

    /// A Jaeger on its default ports, which the script has taken a network of its own for.
    pub(crate) fn jaeger(command: &Path) -> Self {
        Self { command: command.to_owned(), journal: None, tls: false, port: 4317, child: None }
    }

    pub(crate) fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(&self.command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("PORT", self.port.to_string());
        command.envs(self.journal.iter().map(|journal| ("JOURNAL", journal)));
        command.envs(self.tls.then_some(("TLS", "1")));
        command.env("JAEGER_LISTEN_HOST", "127.0.0.1");
        let child = command.spawn();
        self.child = Some(child.with_context(|| format!("cannot start {:?}", self.command))?);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            ensure!(started.elapsed() < START, "{:?} does not listen", self.command);
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends it as a machine ends that loses its power.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Answers as the receiver's `/behave` knows it.
    pub(crate) fn behave(&self, how: &str) -> anyhow::Result<()> {
        get(self.port, &format!("/behave?{how}")).map(drop)
    }

    /// How many different spans came; nothing of a Jaeger, which forgets them.
    pub(crate) fn received(&self) -> anyhow::Result<Option<u64>> {
        let Some(journal) = &self.journal else { return Ok(None) };
        let spans: HashSet<_> = fs::read(journal)?
            .chunks_exact(TRACE + SPAN)
            .map(|ids| ids[TRACE..].to_vec())
            .collect();
        Ok(Some(spans.len() as u64))
    }

    /// The traces of which a span came, in hexadecimal digits.
    pub(crate) fn traces(&self) -> anyhow::Result<HashSet<String>> {
        let journal = self.journal.as_ref().context("a Jaeger has no journal")?;
        let hex = |ids: &[u8]| ids[..TRACE].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(fs::read(journal)?.chunks_exact(TRACE + SPAN).map(hex).collect())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
        if let Some(journal) = &self.journal {
            let _ = fs::remove_file(journal);
        }
    }
}

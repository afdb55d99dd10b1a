//! The server under test, and its last words.

use anyhow::Context as _;

use super::Trial;
use crate::process::Process;
use crate::servers::Server;

/// A server that exports to this endpoint.
pub(crate) fn start(trial: &Trial, endpoint: &str) -> anyhow::Result<Process> {
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "1000"),
        // An outage of theirs would have lines of its own.
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let server = Server {
        name: "demo",
        bare: "demo",
        command: trial.bin.join("rocket-otel-demo"),
        args: Vec::new(),
        env: env.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        spans: true,
        short: true,
    };
    Process::start(&server, 0)
}

/// What the shutdown told.
pub(crate) struct LastWords {
    pub(crate) exported: u64,
    pub(crate) dropped: u64,
    /// Lines that tell of an outage's beginning, and of its end.
    pub(crate) begun: usize,
    pub(crate) over: usize,
}

/// Ends the server by SIGTERM and reads what it wrote.
pub(crate) fn end(process: Process) -> anyhow::Result<LastWords> {
    let said = process.end()?;
    let count = |texts: [&str; 2]| {
        let told = |line: &&str| texts.iter().any(|text| line.contains(text));
        said.lines().filter(|line| line.contains("traces: ")).filter(told).count()
    };
    let last = said
        .lines()
        .find_map(|line| line.split_once("traces: ")?.1.split_once(" exported by otlp, "));
    let (exported, rest) = last.with_context(|| format!("no last line in:\n{said}"))?;
    let lost = rest.split(' ').next().unwrap_or_default();
    Ok(LastWords {
        exported: exported.parse()?,
        dropped: if lost == "none" { 0 } else { lost.parse()? },
        begun: count(["cannot export to", " of an export: "]),
        over: count([" works again", " rejects nothing any more"]),
    })
}

//! The server under test, and what it logs about its spans.

use anyhow::Context as _;

use super::Trial;
use crate::process::Process;
use crate::servers::Server;

/// A server that exports to `endpoint`.
pub(crate) fn start(trial: &Trial, endpoint: &str) -> anyhow::Result<Process> {
    let env = [
        ("OTEL_BSP_SCHEDULE_DELAY", "1000"),
        // An outage of the metrics has log lines of its own.
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
    Process::start(&server, endpoint)
}

/// The spans and outages in the log.
pub(crate) struct Log {
    pub(crate) exported: u64,
    pub(crate) dropped: u64,
    /// The number of lines about the start of an outage, and about its end.
    pub(crate) begun: usize,
    pub(crate) over: usize,
}

/// Ends the server with SIGTERM, and reads its log.
pub(crate) fn end(process: Process) -> anyhow::Result<Log> {
    let log = process.end()?;
    let count = |texts: [&str; 2]| {
        let matches = |line: &&str| texts.iter().any(|text| line.contains(text));
        log.lines().filter(|line| line.contains("traces: ")).filter(matches).count()
    };
    let last = log
        .lines()
        .find_map(|line| line.split_once("traces: ")?.1.split_once(" exported by otlp, "));
    let (exported, rest) = last.with_context(|| format!("no last line in:\n{log}"))?;
    let lost = rest.split(' ').next().unwrap_or_default();
    Ok(Log {
        exported: exported.parse()?,
        dropped: if lost == "none" { 0 } else { lost.parse()? },
        begun: count(["cannot export to", " Further rejections are counted"]),
        over: count([" works again", " accepts everything again"]),
    })
}

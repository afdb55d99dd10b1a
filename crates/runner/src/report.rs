//! What the runner prints, and the same for machines.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde::Serialize;

use super::{
    base_url::BaseUrl, expected::Request, functional::Outcome, load::Figures, verify::Verified,
};

const RULE: &str = "============================================================";

/// All that a run found; `--json` writes it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether every check held.
    pub(super) ok: bool,
    pub(super) failed_checks: usize,
    pub(super) base_url: String,
    /// Whether `/health` answered 200; if not, nothing else was tried.
    pub(super) responding: bool,
    /// `/health` first.
    pub(super) functional: Vec<Outcome>,
    /// One for each repetition.
    pub(super) load: Vec<Figures>,
    /// None without `--verify`.
    pub(super) verification: Option<Verification>,
}

/// What Jaeger had.
#[derive(Debug, Serialize)]
pub(super) struct Verification {
    pub(super) jaeger_url: String,
    pub(super) traces: Vec<Verified>,
}

impl Report {
    pub(super) fn new(base_url: &BaseUrl) -> Self {
        Self {
            ok: false,
            failed_checks: 0,
            base_url: base_url.to_string(),
            responding: false,
            functional: Vec::new(),
            load: Vec::new(),
            verification: None,
        }
    }

    /// Adds up what failed, when there is no more to come.
    pub(super) fn concluded(mut self) -> Self {
        let functional = self.functional.iter().map(|outcome| &outcome.problems);
        let load = self.load.iter().map(|figures| &figures.problems);
        let traces = self.verification.iter().flat_map(|verification| &verification.traces);
        let problems = functional.chain(load).chain(traces.map(|trace| &trace.problems));
        self.failed_checks = problems.map(Vec::len).sum();
        self.ok = self.failed_checks == 0;
        self
    }

    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        out.write_all(&json)
    }
}

/// Prints while the run goes on.
pub(super) struct Console<W> {
    out: W,
}

impl<W: Write> Console<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }

    pub(super) fn banner(&mut self) -> io::Result<()> {
        writeln!(self.out, "{RULE}\nOTEL Demo App - Test Suite\n{RULE}")
    }

    /// Before one of several repetitions.
    pub(super) fn repetition(&mut self, number: u32, of: u32) -> io::Result<()> {
        writeln!(self.out, "[*] Run {number} of {of}\n")
    }

    pub(super) fn functional(&mut self) -> io::Result<()> {
        writeln!(self.out, "[*] Running functional tests...")
    }

    /// Before a request, so that one that hangs can be seen to.
    pub(super) fn testing(&mut self, request: &Request) -> io::Result<()> {
        writeln!(self.out, "[*] Testing GET {}", request.target)
    }

    pub(super) fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        if let Some(status) = outcome.status {
            write!(self.out, "    Status: {status}")?;
            if status >= 400 && status == outcome.planned.status {
                write!(self.out, " (expected)")?;
            }
            if let Some(detail) = &outcome.detail {
                write!(self.out, ", {detail}")?;
            }
            writeln!(self.out)?;
        }
        self.problems("", &outcome.problems)?;
        writeln!(self.out)
    }

    pub(super) fn load(&mut self, requests: u32) -> io::Result<()> {
        writeln!(self.out, "[*] Running load tests...")?;
        writeln!(self.out, "[*] Generating {requests} requests for load testing...")
    }

    pub(super) fn figures(&mut self, figures: &Figures) -> io::Result<()> {
        let Figures { requests_per_second: rate, errors, latency_ms: latency, .. } = figures;
        writeln!(self.out, "[*] Load test completed")?;
        writeln!(self.out, "    {rate:.1} requests/s, {}", count(*errors as usize, "error"))?;
        writeln!(
            self.out,
            "    p50 {:.1}ms, p95 {:.1}ms, p99 {:.1}ms",
            latency.p50, latency.p95, latency.p99
        )?;
        self.problems("", &figures.problems)?;
        writeln!(self.out)
    }

    pub(super) fn verifying(&mut self, jaeger: &BaseUrl) -> io::Result<()> {
        writeln!(self.out, "[*] Verifying traces in Jaeger at {jaeger}...")
    }

    pub(super) fn verified(&mut self, verified: &Verified) -> io::Result<()> {
        let Verified { request, spans, problems, .. } = verified;
        if problems.is_empty() {
            writeln!(self.out, "    {request}: {}, ok", count(*spans, "span"))?;
        }
        self.problems(&format!("{request}: "), problems)
    }

    pub(super) fn all_verified(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    pub(super) fn closing(&mut self, report: &Report, jaeger_ui: &str) -> io::Result<()> {
        writeln!(self.out, "{RULE}")?;
        if report.ok {
            writeln!(self.out, "[✓] Tests completed!")?;
        } else {
            writeln!(self.out, "[✗] {} failed", count(report.failed_checks, "check"))?;
        }
        writeln!(self.out, "[*] View traces at: {jaeger_ui}\n{RULE}")
    }

    fn problems(&mut self, prefix: &str, problems: &[String]) -> io::Result<()> {
        problems.iter().try_for_each(|problem| writeln!(self.out, "    [✗] {prefix}{problem}"))
    }
}

/// `1 span`, `2 spans`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

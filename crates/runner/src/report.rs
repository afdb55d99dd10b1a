//! The output of the runner, as text and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::base_url::BaseUrl;
use super::expected::Request;
use super::functional::Outcome;
use super::load::Figures;
use super::verify::Verified;

const RULE: &str = "============================================================";

/// The results of a run, as `--json` writes them.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether every check passed.
    pub(super) ok: bool,
    pub(super) failed_checks: usize,
    pub(super) base_url: String,
    /// Whether `/health` responded with 200; if not, nothing else was tested.
    pub(super) responding: bool,
    /// `/health` first.
    pub(super) functional: Vec<Outcome>,
    /// One per repetition.
    pub(super) load: Vec<Figures>,
    /// None without `--verify`.
    pub(super) verification: Option<Verification>,
}

/// The results for the traces in Jaeger.
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

    /// Counts the failed checks, at the end of the run.
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

/// Prints the text during the run.
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

    /// Before each of several repetitions.
    pub(super) fn repetition(&mut self, number: u32, of: u32) -> io::Result<()> {
        writeln!(self.out, "[*] Run {number} of {of}\n")
    }

    pub(super) fn functional(&mut self) -> io::Result<()> {
        writeln!(self.out, "[*] Running functional tests...")
    }

    /// Before the request, so that the output shows one that hangs.
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

#[cfg(test)]
mod tests {
    use opentelemetry::TraceId;

    use super::*;
    use crate::load::Percentiles;
    use crate::plan;
    use crate::testing::outcome;

    /// What `print` prints.
    fn printed(print: impl FnOnce(&mut Console<&mut Vec<u8>>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut Console::new(&mut out)).expect("writing to memory");
        String::from_utf8(out).expect("UTF-8")
    }

    fn figures(problems: &[&str]) -> Figures {
        Figures {
            requests: 30,
            workers: 5,
            errors: u32::from(!problems.is_empty()),
            seconds: 1.5,
            requests_per_second: 20.0,
            latency_ms: Percentiles { p50: 201.25, p95: 623.04, p99: 655.0, max: 655.0 },
            problems: problems.iter().map(ToString::to_string).collect(),
        }
    }

    fn verified(spans: usize, problems: &[&str]) -> Verified {
        Verified {
            request: "GET /api/users".to_owned(),
            trace_id: TraceId::from(1),
            spans,
            problems: problems.iter().map(ToString::to_string).collect(),
        }
    }

    fn report() -> Report {
        Report::new(&url::Url::parse("http://localhost:8000").expect("valid").into())
    }

    #[test]
    fn a_response_as_planned_has_its_status_and_a_summary() {
        let [index, users, process, error, chain] = plan::FUNCTIONAL else {
            panic!("another plan")
        };
        for (request, status, detail, expected) in [
            (index, 200, None, "200"),
            (users, 200, Some("Users: 3"), "200, Users: 3"),
            (process, 200, Some("Duration: 456.23ms"), "200, Duration: 456.23ms"),
            (error, 500, None, "500 (expected)"),
            (chain, 200, Some("Hops: 2"), "200, Hops: 2"),
        ] {
            let shown = printed(|console| console.outcome(&outcome(request, status, detail, &[])));
            assert_eq!(shown, format!("    Status: {expected}\n\n"));
        }
    }

    #[test]
    fn a_failed_test_has_one_line_per_problem() {
        let outcome = outcome(&plan::HEALTH, 503, None, &["status 503, expected 200"]);
        let shown = printed(|console| console.outcome(&outcome));
        assert_eq!(shown, "    Status: 503\n    [✗] status 503, expected 200\n\n");
    }

    #[test]
    fn the_load_has_its_rate_its_percentiles_and_one_line_per_kind_of_error() {
        let shown = printed(|console| console.figures(&figures(&[])));
        let expected = "[*] Load test completed\n    20.0 requests/s, 0 errors\n    p50 201.2ms, p95 623.0ms, p99 655.0ms\n\n";
        assert_eq!(shown, expected);
        let shown = printed(|console| {
            console.figures(&figures(&["GET /: status 503, expected 200 (1 of 30)"]))
        });
        assert!(shown.contains("20.0 requests/s, 1 error\n"), "{shown}");
        assert!(
            shown.ends_with("    [✗] GET /: status 503, expected 200 (1 of 30)\n\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_verified_trace_has_one_line_and_a_wrong_one_a_line_per_problem() {
        let shown = printed(|console| console.verified(&verified(2, &[])));
        assert_eq!(shown, "    GET /api/users: 2 spans, ok\n");
        let wrong = verified(1, &["span `fetch_users`: missing", "x"]);
        let shown = printed(|console| console.verified(&wrong));
        let expected =
            "    [✗] GET /api/users: span `fetch_users`: missing\n    [✗] GET /api/users: x\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_last_lines_say_whether_every_check_passed() {
        let closing = |report: Report| {
            let report = report.concluded();
            printed(|console| console.closing(&report, "http://localhost:16686"))
        };
        let rule = "=".repeat(60);
        let view = format!("[*] View traces at: http://localhost:16686\n{rule}\n");
        assert_eq!(closing(report()), format!("{rule}\n[✓] Tests completed!\n{view}"));
        let one = Report { load: vec![figures(&["a"])], ..report() };
        assert_eq!(closing(one), format!("{rule}\n[✗] 1 check failed\n{view}"));
        let traces = vec![verified(1, &["d"])];
        let four = Report {
            functional: vec![outcome(&plan::HEALTH, 200, None, &["a", "b"])],
            load: vec![figures(&["c"])],
            verification: Some(Verification { jaeger_url: String::new(), traces }),
            ..report()
        };
        assert_eq!(closing(four), format!("{rule}\n[✗] 4 checks failed\n{view}"));
    }
}

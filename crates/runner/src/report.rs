//! The output of the runner, as text and as JSON.

use std::fmt::{Display, Formatter, Result};

use serde::Serialize;

use super::functional::Outcome;
use super::load::Figures;
use super::verify::Verified;

pub(super) const RULE: &str = "============================================================";

/// The results of a run, as `--json` writes them.
#[derive(Debug, Default, Serialize)]
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

    /// The last lines of the text.
    pub(super) fn closing(&self, jaeger_ui: &str) -> String {
        let verdict = match self.failed_checks {
            0 => "[✓] Tests completed!".to_owned(),
            failed => format!("[✗] {} failed", count(failed, "check")),
        };
        format!("{RULE}\n{verdict}\n[*] View traces at: {jaeger_ui}\n{RULE}\n")
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if let Some(status) = self.status {
            write!(f, "    Status: {status}")?;
            if status >= 400 && status == self.planned.status {
                write!(f, " (expected)")?;
            }
            if let Some(detail) = &self.detail {
                write!(f, ", {detail}")?;
            }
            writeln!(f)?;
        }
        write_problems(f, "", &self.problems)?;
        writeln!(f)
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let errors = count(self.errors as usize, "error");
        writeln!(f, "[*] Load test completed")?;
        writeln!(f, "    {:.1} requests/s, {errors}", self.requests_per_second)?;
        let latency = &self.latency_ms;
        let (p50, p95, p99) = (latency.p50, latency.p95, latency.p99);
        writeln!(f, "    p50 {p50:.1}ms, p95 {p95:.1}ms, p99 {p99:.1}ms")?;
        write_problems(f, "", &self.problems)?;
        writeln!(f)
    }
}

impl Display for Verified {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { request, spans, problems, .. } = self;
        if problems.is_empty() {
            writeln!(f, "    {request}: {}, ok", count(*spans, "span"))?;
        }
        write_problems(f, &format!("{request}: "), problems)
    }
}

fn write_problems(f: &mut Formatter<'_>, prefix: &str, problems: &[String]) -> Result {
    problems.iter().try_for_each(|problem| writeln!(f, "    [✗] {prefix}{problem}"))
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
            let shown = outcome(request, status, detail, &[]).to_string();
            assert_eq!(shown, format!("    Status: {expected}\n\n"));
        }
    }

    #[test]
    fn a_failed_test_has_one_line_per_problem() {
        let outcome = outcome(&plan::HEALTH, 503, None, &["status 503, expected 200"]);
        let shown = outcome.to_string();
        assert_eq!(shown, "    Status: 503\n    [✗] status 503, expected 200\n\n");
    }

    #[test]
    fn the_load_has_its_rate_its_percentiles_and_one_line_per_kind_of_error() {
        let shown = figures(&[]).to_string();
        let expected = "[*] Load test completed\n    20.0 requests/s, 0 errors\n    p50 201.2ms, p95 623.0ms, p99 655.0ms\n\n";
        assert_eq!(shown, expected);
        let shown = figures(&["GET /: status 503, expected 200 (1 of 30)"]).to_string();
        assert!(shown.contains("20.0 requests/s, 1 error\n"), "{shown}");
        assert!(
            shown.ends_with("    [✗] GET /: status 503, expected 200 (1 of 30)\n\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_verified_trace_has_one_line_and_a_wrong_one_a_line_per_problem() {
        let shown = verified(2, &[]).to_string();
        assert_eq!(shown, "    GET /api/users: 2 spans, ok\n");
        let wrong = verified(1, &["span `fetch_users`: missing", "x"]);
        let shown = wrong.to_string();
        let expected =
            "    [✗] GET /api/users: span `fetch_users`: missing\n    [✗] GET /api/users: x\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_last_lines_say_whether_every_check_passed() {
        let closing = |report: Report| report.concluded().closing("http://localhost:16686");
        let rule = "=".repeat(60);
        let view = format!("[*] View traces at: http://localhost:16686\n{rule}\n");
        assert_eq!(closing(Report::default()), format!("{rule}\n[✓] Tests completed!\n{view}"));
        let one = Report { load: vec![figures(&["a"])], ..Report::default() };
        assert_eq!(closing(one), format!("{rule}\n[✗] 1 check failed\n{view}"));
        let traces = vec![verified(1, &["d"])];
        let four = Report {
            functional: vec![outcome(&plan::HEALTH, 200, None, &["a", "b"])],
            load: vec![figures(&["c"])],
            verification: Some(Verification { jaeger_url: String::new(), traces }),
            ..Report::default()
        };
        assert_eq!(closing(four), format!("{rule}\n[✗] 4 checks failed\n{view}"));
    }
}

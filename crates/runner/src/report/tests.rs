use super::*;
use crate::{load::Percentiles, plan};

/// What `print` prints.
fn printed(print: impl FnOnce(&mut Console<&mut Vec<u8>>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    print(&mut Console::new(&mut out)).expect("a Vec takes everything");
    String::from_utf8(out).expect("UTF-8")
}

fn outcome(
    planned: &'static Request,
    status: u16,
    detail: Option<&str>,
    problems: &[&str],
) -> Outcome {
    Outcome {
        planned,
        request: "GET /".to_owned(),
        trace_id: "1".to_owned(),
        span_id: "2".to_owned(),
        status: Some(status),
        detail: detail.map(ToOwned::to_owned),
        latency_ms: 1.0,
        problems: problems.iter().map(ToString::to_string).collect(),
    }
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
        trace_id: "1".to_owned(),
        spans,
        problems: problems.iter().map(ToString::to_string).collect(),
    }
}

fn report() -> Report {
    Report::new(&"http://localhost:8000".parse().expect("valid"))
}

#[test]
fn an_answer_as_planned_shows_its_status_and_what_is_in_it() {
    let [index, users, process, error, chain] = plan::FUNCTIONAL else { panic!("another plan") };
    let shown = |request, status, detail| {
        printed(|console| console.outcome(&outcome(request, status, detail, &[])))
    };
    assert_eq!(shown(index, 200, None), "    Status: 200\n\n");
    assert_eq!(shown(users, 200, Some("Users: 3")), "    Status: 200, Users: 3\n\n");
    assert_eq!(
        shown(process, 200, Some("Duration: 456.23ms")),
        "    Status: 200, Duration: 456.23ms\n\n"
    );
    assert_eq!(shown(error, 500, None), "    Status: 500 (expected)\n\n");
    assert_eq!(shown(chain, 200, Some("Hops: 2")), "    Status: 200, Hops: 2\n\n");
}

#[test]
fn a_failed_test_shows_each_problem_on_a_line() {
    let outcome = outcome(&plan::HEALTH, 503, None, &["status 503, expected 200"]);
    let shown = printed(|console| console.outcome(&outcome));
    assert_eq!(shown, "    Status: 503\n    [✗] status 503, expected 200\n\n");
}

#[test]
fn the_load_shows_its_rate_and_percentiles_and_each_sort_of_error() {
    let shown = printed(|console| console.figures(&figures(&[])));
    let expected = "[*] Load test completed\n    20.0 requests/s, 0 errors\n    p50 201.2ms, p95 623.0ms, p99 655.0ms\n\n";
    assert_eq!(shown, expected);
    let shown = printed(|console| {
        console.figures(&figures(&["GET /: status 503, expected 200 (1 of 30)"]))
    });
    assert!(shown.contains("20.0 requests/s, 1 error\n"), "{shown}");
    assert!(shown.ends_with("    [✗] GET /: status 503, expected 200 (1 of 30)\n\n"), "{shown}");
}

#[test]
fn a_verified_trace_is_one_line_and_another_one_a_problem() {
    let shown = printed(|console| console.verified(&verified(2, &[])));
    assert_eq!(shown, "    GET /api/users: 2 spans, ok\n");
    let shown =
        printed(|console| console.verified(&verified(1, &["span `fetch_users`: missing", "x"])));
    assert_eq!(
        shown,
        "    [✗] GET /api/users: span `fetch_users`: missing\n    [✗] GET /api/users: x\n"
    );
}

#[test]
fn the_closing_says_whether_all_held() {
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

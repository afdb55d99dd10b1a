//! The whole run, against a stand-in for the application and Jaeger.

use clap::{CommandFactory, FromArgMatches, Parser};

use super::{
    testing::{Answer, Fake, serve},
    *,
};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: RunnerArgs,
}

/// Runs with `options`, and gives what was found and printed.
async fn runner(options: &[&str]) -> (Report, String) {
    // Empty, so that variables of the one who tests change nothing; what `options` says later
    // holds.
    let neutral = ["runner", "--verify=", "--jaeger-ui-url=http://localhost:16686"];
    let command = Cli::command().args_override_self(true);
    let matches = command.get_matches_from([&neutral, options].concat());
    let args = RunnerArgs::from_arg_matches(&matches).expect("valid options");
    let mut out = Vec::new();
    let run = Run::new(&args, &mut out, ProgressDrawTarget::hidden()).expect("a client");
    let report = run.complete().await.expect("a run");
    (report, String::from_utf8(out).expect("UTF-8"))
}

#[tokio::test]
async fn a_run_against_an_application_as_planned_prints_what_the_documentation_shows() {
    let fake = Fake::default();
    let url = serve(move |asked| fake.answer(asked)).to_string();
    let (report, printed) = runner(&["--base-url", &url, "--verify", &url]).await;
    let figures = &report.load[0];
    let latency = &figures.latency_ms;
    let expected = format!(
        "\
============================================================
OTEL Demo App - Test Suite
============================================================
[*] Testing GET /health
    Status: 200

[*] Running functional tests...
[*] Testing GET /
    Status: 200

[*] Testing GET /api/users
    Status: 200, Users: 3

[*] Testing GET /api/process
    Status: 200, Duration: 456.23ms

[*] Testing GET /api/error
    Status: 500 (expected)

[*] Testing GET /api/chain?hops=2
    Status: 200, Hops: 2

[*] Running load tests...
[*] Generating 30 requests for load testing...
[*] Load test completed
    {:.1} requests/s, 0 errors
    p50 {:.1}ms, p95 {:.1}ms, p99 {:.1}ms

[*] Verifying traces in Jaeger at {url}...
    GET /health: 1 span, ok
    GET /: 1 span, ok
    GET /api/users: 2 spans, ok
    GET /api/process: 5 spans, ok
    GET /api/error: 1 span, ok
    GET /api/chain?hops=2: 5 spans, ok

============================================================
[✓] Tests completed!
[*] View traces at: http://localhost:16686
============================================================
",
        figures.requests_per_second, latency.p50, latency.p95, latency.p99
    );
    assert_eq!(printed, expected);
    assert!(report.ok);
}

#[tokio::test]
async fn an_application_that_is_not_healthy_is_asked_for_nothing_else() {
    let url = serve(|asked| {
        assert_eq!(asked.target, "/health");
        Answer::new(503, "")
    });
    let (report, printed) = runner(&["--base-url", &url.to_string()]).await;
    assert!(!report.ok && !report.responding);
    assert!(printed.contains("    Status: 503\n"), "{printed}");
    assert!(!printed.contains("Running functional tests"), "{printed}");
}

#[tokio::test]
async fn an_application_that_is_not_there_is_no_panic_and_no_wait() {
    // Bound and let go, so that nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("bound")
        .port();
    let (report, printed) = runner(&["--base-url", &format!("http://127.0.0.1:{port}")]).await;
    assert!(!report.ok && !report.responding);
    assert!(printed.contains("    [✗] no answer: "), "{printed}");
}

#[tokio::test]
async fn an_endpoint_that_fails_fails_the_run_in_tests_and_load_alike() {
    let fake = Fake::default();
    let url = serve(move |asked| match asked.target.as_str() {
        "/api/users" => Answer::new(503, "down"),
        _ => fake.answer(asked),
    });
    let (report, printed) =
        runner(&["--base-url", &url.to_string(), "--requests=9", "--workers=2", "--repeat=2"])
            .await;
    assert!(!report.ok);
    assert_eq!(report.load.iter().map(|figures| figures.errors).collect::<Vec<_>>(), [3, 3]);
    assert!(printed.contains("[*] Run 2 of 2\n\n[*] Running functional tests...\n"), "{printed}");
    for line in [
        "    [✗] header `traceresponse` is missing\n",
        "    [✗] status 503, expected 200\n",
        "    [✗] GET /api/users: status 503, expected 200 (3 of 9)\n",
        "[✗] 6 checks failed\n",
    ] {
        assert!(printed.contains(line), "{line}{printed}");
    }
}

#[tokio::test]
async fn the_report_for_machines_holds_what_was_found() {
    let fake = Fake::default();
    let url = serve(move |asked| fake.answer(asked)).to_string();
    let (report, _) = runner(&["--base-url", &url, "--verify", &url]).await;
    let mut json = Vec::new();
    report.write_json(&mut json).expect("a Vec takes everything");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["ok"], true);
    assert_eq!(json["functional"][2]["request"], "GET /api/users");
    assert_eq!(json["functional"][2]["status"], 200);
    assert_eq!(json["functional"][2]["trace_id"], json["verification"]["traces"][2]["trace_id"]);
    assert_eq!(json["load"][0]["requests"], 30);
    assert!(json["load"][0]["latency_ms"]["p99"].is_f64());
    assert_eq!(json["verification"]["traces"][2]["spans"], 2);
}

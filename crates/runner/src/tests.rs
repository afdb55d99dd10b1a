//! Whole runs, against a server that stands in for the application and for Jaeger.

use clap::{CommandFactory, FromArgMatches, Parser};
use wiremock::{Request, Respond, ResponseTemplate};

use super::testing::{Fake, install_tls_provider, serve};
use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: RunnerArgs,
}

/// Runs with `options`; returns the report and the output.
async fn runner(options: &[&str]) -> (Report, String) {
    install_tls_provider();
    // Without the variables of the test's own environment.
    let command = Cli::command().mut_args(|arg| arg.env(None));
    let matches = command.get_matches_from([&["runner"], options].concat());
    let args = RunnerArgs::from_arg_matches(&matches).expect("valid options");
    let mut out = Vec::new();
    let report = test_all(&args, &mut out, ProgressDrawTarget::hidden()).await.expect("a run");
    (report, String::from_utf8(out).expect("UTF-8"))
}

#[tokio::test]
async fn a_run_against_an_application_as_planned_prints_what_the_documentation_shows() {
    let server = serve(Fake::default()).await;
    let url = server.uri();
    let ui = "--jaeger-ui-url=http://localhost:16686";
    let (report, printed) = runner(&["--base-url", &url, "--verify", &url, ui]).await;
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
async fn an_unhealthy_application_receives_no_other_request() {
    let server = serve(ResponseTemplate::new(503)).await;
    let (report, printed) = runner(&["--base-url", &server.uri()]).await;
    assert!(!report.ok && !report.responding);
    assert!(printed.contains("    Status: 503\n"), "{printed}");
    assert!(!printed.contains("Running functional tests"), "{printed}");
    let requests = server.received_requests().await.expect("recorded");
    assert_eq!(requests.iter().map(|request| request.url.path()).collect::<Vec<_>>(), ["/health"]);
}

#[tokio::test]
async fn a_refused_connection_ends_the_run_with_its_reason() {
    // Bound and released, so that nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("bound")
        .port();
    let (report, printed) = runner(&["--base-url", &format!("http://127.0.0.1:{port}")]).await;
    assert!(!report.ok && !report.responding);
    assert!(printed.contains("    [✗] no response: "), "{printed}");
}

#[tokio::test]
async fn a_failing_endpoint_fails_in_the_functional_tests_and_in_the_load() {
    let fake = Fake::default();
    let server = serve(move |request: &Request| match request.url.path() {
        "/api/users" => ResponseTemplate::new(503),
        _ => fake.respond(request),
    })
    .await;
    let options = ["--base-url", &server.uri(), "--requests=9", "--workers=2", "--repeat=2"];
    let (report, printed) = runner(&options).await;
    assert!(!report.ok);
    assert_eq!(report.load.iter().map(|figures| figures.errors).collect::<Vec<_>>(), [3, 3]);
    for line in [
        "[*] Run 2 of 2\n\n[*] Running functional tests...\n",
        "    [✗] header `traceresponse` is missing\n",
        "    [✗] status 503, expected 200\n",
        "    [✗] GET /api/users: status 503, expected 200 (3 of 9)\n",
        "[✗] 6 checks failed\n",
    ] {
        assert!(printed.contains(line), "{line}{printed}");
    }
}

#[tokio::test]
async fn the_json_report_holds_the_results() {
    let server = serve(Fake::default()).await;
    let (report, _) = runner(&["--base-url", &server.uri(), "--verify", &server.uri()]).await;
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["ok"], true);
    assert_eq!(json["functional"][2]["request"], "GET /api/users");
    assert_eq!(json["functional"][2]["status"], 200);
    assert_eq!(json["functional"][2]["trace_id"], json["verification"]["traces"][2]["trace_id"]);
    assert_eq!(json["functional"][2]["trace_id"].as_str().map(str::len), Some(32));
    assert_eq!(json["load"][0]["requests"], 30);
    assert!(json["load"][0]["latency_ms"]["p99"].is_f64());
    assert_eq!(json["verification"]["traces"][2]["spans"], 2);
}

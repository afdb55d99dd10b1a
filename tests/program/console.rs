//! The console exporter, with and without a collector, and without a reader of standard output.

use otlp_receiver::Receiver;

use crate::process::Program;
use crate::support::poll;

#[test]
fn the_console_needs_no_collector() {
    let variables = [("OTEL_TRACES_EXPORTER", "console"), ("OTEL_METRICS_EXPORTER", "none")];
    let server = Program::new(&["--port", "0"], &variables).start();
    let trace_id = server.get("/api/process").trace_id();
    for name in ["validate_data", "process_data", "save_results", "GET /api/process", &trace_id] {
        server.wait_for_output(name);
    }
    let ended = server.end();
    assert!(ended.stdout.contains("rocket-demo-app"), "no resource in {ended:?}");
    assert!(!ended.stderr.contains("cannot export"), "{ended:?}");
    assert!(ended.stderr.contains("traces: 5 exported by console, none lost"), "{ended:?}");
}

#[test]
fn every_signal_can_go_to_the_console_beside_otlp() {
    let receiver = Receiver::start();
    let variables = ["OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"];
    let variables = variables.map(|name| (name, "otlp,console"));
    let server = Program::serving(&receiver, &variables).start();
    let trace_id = server.get("/api/users").trace_id();
    // The console does not wait for a batch to fill.
    server.wait_for_output("fetch_users");
    let ended = server.end();
    for text in ["Spans", &trace_id, "fetch_users", "app.requests.total", "serving on http://"] {
        assert!(ended.stdout.contains(text), "no {text} in {}", ended.stdout);
    }
    assert_eq!(receiver.spans().len(), 2);
    assert!(receiver.metric("app.requests.total").is_some());
    let logs = receiver.logs();
    assert!(logs.iter().any(|log| format!("{:?}", log.body).contains("serving on")), "{logs:?}");
}

#[test]
fn a_closed_console_does_not_end_the_server() {
    for (name, signal) in [
        ("OTEL_TRACES_EXPORTER", "traces"),
        ("OTEL_METRICS_EXPORTER", "metrics"),
        ("OTEL_LOGS_EXPORTER", "logs"),
    ] {
        let receiver = Receiver::start();
        let variables = [(name, "otlp,console"), ("OTEL_METRIC_EXPORT_INTERVAL", "20")];
        let server = Program::serving(&receiver, &variables).with_stdout_closed().start();
        for _ in 0..3 {
            assert_eq!(server.get("/api/error").status, 500, "{signal}");
            server.still_answers();
        }
        // OTLP is not affected.
        poll("spans", || (receiver.spans().len() >= 6).then_some(()));
        match signal {
            "metrics" => poll("metrics", || receiver.metric("app.requests.total").map(drop)),
            "logs" => poll("logs", || (receiver.logs().len() >= 4).then_some(())),
            _ => {}
        }
        let ended = server.end();
        let report = format!("{signal}: 0 exported by console");
        assert!(ended.stderr.contains(&report), "{signal}: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{signal}: {ended:?}");
    }
}

//! The console exporter, and a console that nobody reads.

use crate::kit::{Pair, Program, poll};
use otlp_receiver::Receiver;

const OFF: [Pair<'_>; 2] = [("OTEL_METRICS_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none")];

#[test]
fn the_console_needs_no_collector() {
    let variables = [&[("OTEL_TRACES_EXPORTER", "console")][..], &OFF].concat();
    let server = Program::new(&["--port", "0"], &variables).start();
    let trace_id = server.get("/api/process").trace_id();
    let stdout = server.stdout.as_ref().expect("a pipe");
    for name in ["validate_data", "process_data", "save_results", "GET /api/process"] {
        stdout.wait_for(name);
    }
    stdout.wait_for(&trace_id);
    let ended = server.end();
    assert!(ended.stdout.contains("rocket-demo-app"), "no resource in {ended:?}");
    assert!(!ended.stderr.contains("cannot export"), "{ended:?}");
    assert!(ended.stderr.contains("traces: 5 exported by console, none lost"), "{ended:?}");
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
        let server = Program::serving(&receiver, &variables).start_with_stdout_closed();
        for _ in 0..3 {
            assert_eq!(server.get("/api/error").status, 500, "{signal}");
            assert_eq!(server.get("/health").status, 200, "{signal}");
        }
        // What goes by OTLP still goes.
        poll("spans", || (receiver.spans().len() >= 6).then_some(()));
        match signal {
            "metrics" => poll("metrics", || receiver.metric("app.requests.total").map(drop)),
            "logs" => poll("logs", || (receiver.logs().len() >= 4).then_some(())),
            _ => {}
        }
        let ended = server.end();
        assert_eq!(ended.code, Some(0), "{signal}: {ended:?}");
        let told = format!("{signal}: 0 exported by console");
        assert!(ended.stderr.contains(&told), "{signal}: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{signal}: {ended:?}");
    }
}

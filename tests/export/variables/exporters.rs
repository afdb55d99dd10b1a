//! The console, which is that of a process.

use crate::kit::Program;
use otlp_receiver::Receiver;

#[test]
fn every_signal_can_go_to_the_console_beside_otlp() {
    let receiver = Receiver::start();
    let both = "otlp,console";
    let variables = [
        ("OTEL_TRACES_EXPORTER", both),
        ("OTEL_METRICS_EXPORTER", both),
        ("OTEL_LOGS_EXPORTER", both),
    ];
    let server = Program::serving(&receiver, &variables).start();
    let trace_id = server.get("/api/users").trace_id();
    // The console does not wait for a batch to fill.
    server.stdout.as_ref().expect("a pipe").wait_for("fetch_users");
    let ended = server.end();
    for text in ["Spans", &trace_id, "fetch_users", "app.requests.total", "serving on http://"] {
        assert!(ended.stdout.contains(text), "no {text} in {}", ended.stdout);
    }
    assert_eq!(receiver.spans().len(), 2);
    assert!(receiver.metric("app.requests.total").is_some());
    let logs = receiver.logs();
    assert!(logs.iter().any(|log| format!("{:?}", log.body).contains("serving on")), "{logs:?}");
}

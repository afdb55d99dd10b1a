//! Where each signal goes: OTLP, the console, both or nowhere.

use opentelemetry_autoconfigure::State;

use super::Row;
use crate::kit::{Pipeline, Program, SOON};
use otlp_receiver::{Receiver, Signal};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_TRACES_EXPORTER", spans_go_nowhere_if_asked_to),
    ("OTEL_TRACES_EXPORTER", the_console_has_what_it_was_asked_for_beside_otlp),
    ("OTEL_METRICS_EXPORTER", metrics_go_nowhere_if_asked_to),
    ("OTEL_METRICS_EXPORTER", the_console_has_what_it_was_asked_for_beside_otlp),
    ("OTEL_LOGS_EXPORTER", the_console_has_what_it_was_asked_for_beside_otlp),
];

#[test]
fn spans_go_nowhere_if_asked_to() {
    let receiver = Receiver::start();
    let pipeline = Pipeline::to(&receiver, &[("OTEL_TRACES_EXPORTER", "none")]);
    pipeline.end_spans("unheard", 3);
    pipeline.flush();
    assert_eq!(receiver.connection_count(), 0);
    assert_eq!(pipeline.traces().state, State::Off);
}

#[test]
fn metrics_go_nowhere_if_asked_to() {
    let receiver = Receiver::start();
    let pipeline = Pipeline::to(&receiver, &[("OTEL_METRICS_EXPORTER", "None")]);
    pipeline.meter().u64_counter("unheard").build().add(1, &[]);
    pipeline.flush();
    assert_eq!(receiver.connection_count(), 0);
    assert_eq!(pipeline.status("metrics").state, State::Off);
}

#[test]
fn spans_and_metrics_go_by_otlp_where_nothing_is_said() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let pipeline = Pipeline::of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    pipeline.end_spans("told", 1);
    pipeline.meter().u64_counter("told").build().add(1, &[]);
    pipeline.flush();
    assert_eq!(receiver.spans().len(), 1);
    receiver.wait_for_metric("told", SOON);
    assert_eq!(pipeline.status("logs").state, State::Off);
}

#[test]
fn an_exporter_that_is_named_twice_exports_once() {
    let receiver = Receiver::start();
    let pipeline = Pipeline::to(&receiver, &[("OTEL_TRACES_EXPORTER", "otlp, OTLP,")]);
    pipeline.end_spans("once", 2);
    pipeline.flush();
    assert_eq!(receiver.spans().len(), 2);
    assert_eq!(receiver.request_count(Signal::Traces), 1);
}

#[test]
fn the_console_has_what_it_was_asked_for_beside_otlp() {
    let receiver = Receiver::start();
    let both = "otlp,console";
    let variables = [
        ("OTEL_TRACES_EXPORTER", both),
        ("OTEL_METRICS_EXPORTER", both),
        ("OTEL_LOGS_EXPORTER", both),
    ];
    let server = Program::serving(&receiver, &variables).start();
    let trace_id = server.get("/api/users").trace_id();
    // Who watches the console does not wait for a batch to fill.
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

//! Where each signal is exported to. The console, which is that of a process, is tested with the demo's binary.

use opentelemetry_autoconfigure::{self as autoconfigure, State};

use super::Row;
use crate::support::{Pipeline, SOON};
use otlp_receiver::{Receiver, Signal};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_TRACES_EXPORTER", none_disables_spans),
    ("OTEL_METRICS_EXPORTER", none_disables_metrics),
];

#[test]
fn none_disables_spans() {
    let (receiver, pipeline) = Pipeline::start(&[("OTEL_TRACES_EXPORTER", "none")]);
    pipeline.end_spans("unexported", 3);
    pipeline.flush();
    assert_eq!(receiver.connection_count(), 0);
    assert_eq!(pipeline.traces().state, State::Off);
}

#[test]
fn none_disables_metrics() {
    let (receiver, pipeline) = Pipeline::start(&[("OTEL_METRICS_EXPORTER", "None")]);
    pipeline.count("unexported", 1);
    pipeline.flush();
    assert_eq!(receiver.connection_count(), 0);
    assert_eq!(pipeline.status(autoconfigure::Signal::Metrics).state, State::Off);
}

#[test]
fn spans_and_metrics_are_exported_by_otlp_by_default() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let pipeline = Pipeline::new(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    pipeline.export("exported");
    assert_eq!(receiver.spans().len(), 1);
    receiver.wait_for_metric("exported", SOON);
    assert_eq!(pipeline.status(autoconfigure::Signal::Logs).state, State::Off);
}

#[test]
fn an_exporter_that_is_named_twice_exports_once() {
    let (receiver, pipeline) = Pipeline::start(&[("OTEL_TRACES_EXPORTER", "otlp, OTLP,")]);
    pipeline.end_spans("once", 2);
    pipeline.flush();
    assert_eq!(receiver.spans().len(), 2);
    assert_eq!(receiver.request_count(Signal::Traces), 1);
}

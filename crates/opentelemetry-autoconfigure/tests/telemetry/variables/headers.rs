//! The headers of every request.

use super::Row;
use crate::support::{Pipeline, over_both};
use otlp_receiver::Signal;

pub(super) const TESTED: &[Row] =
    &[("OTEL_EXPORTER_OTLP_{SIGNAL}HEADERS", headers_arrive_percent_decoded)];

#[test]
fn headers_arrive_percent_decoded() {
    over_both(|receiver| {
        let headers = "Authorization=Basic%20dXNlcjpwYXNz, x-list=a%2Cb ,x-raw=a=b==";
        let pipeline = receiver.pipeline(&[
            ("OTEL_EXPORTER_OTLP_HEADERS", headers),
            ("OTEL_METRICS_EXPORTER", "otlp"),
        ]);
        pipeline.export("sent");
        assert_eq!(receiver.requests().len(), 2);
        for request in receiver.requests() {
            assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNz"), "{request:?}");
            assert_eq!(request.header("x-list"), Some("a,b"), "{request:?}");
            assert_eq!(request.header("x-raw"), Some("a=b=="), "{request:?}");
        }
    });
}

#[test]
fn the_headers_of_a_signal_replace_the_general_ones() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-general=1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-own=2"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
    ];
    let (receiver, pipeline) = Pipeline::start(&variables);
    pipeline.export("sent");
    let all = receiver.received();
    let headers = |signal| {
        let request = all.of(signal).next().expect("one");
        (request.header("x-general"), request.header("x-own"))
    };
    assert_eq!(headers(Signal::Traces), (None, Some("2")));
    assert_eq!(headers(Signal::Metrics), (Some("1"), None));
}

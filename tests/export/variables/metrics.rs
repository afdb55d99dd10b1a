//! When metrics go out, and how they add up.

use std::time::Instant;

use super::Row;
use crate::kit::{PROTOCOLS, Pipeline, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal, Temporality};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_METRIC_EXPORT_INTERVAL", metrics_go_out_at_every_interval),
    ("OTEL_METRIC_EXPORT_TIMEOUT", an_export_of_metrics_takes_no_longer_than_it_may),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", metrics_add_up_as_they_are_asked_to),
];

const ON: (&str, &str) = ("OTEL_METRICS_EXPORTER", "otlp");

#[test]
fn metrics_go_out_at_every_interval() {
    let receiver = Receiver::start();
    let pipeline = Pipeline::to(&receiver, &[ON, ("OTEL_METRIC_EXPORT_INTERVAL", "20")]);
    pipeline.meter().u64_counter("told").build().add(1, &[]);
    receiver.wait_for_requests(Signal::Metrics, 3, SOON);
    assert_eq!(receiver.wait_for_metric("told", SOON).points[0].int(), 1);
    assert!(pipeline.status("metrics").exported >= 2);
}

#[test]
fn an_export_of_metrics_takes_no_longer_than_it_may() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        let variables =
            [ON, ("OTEL_METRIC_EXPORT_TIMEOUT", "200"), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
        let pipeline = Pipeline::to(&receiver, &variables);
        pipeline.meter().u64_counter("told").build().add(1, &[]);
        let began = Instant::now();
        pipeline.flush_error();
        let took = began.elapsed().as_millis();
        // The protocol's own timeout, 10 s, would be far longer.
        assert!((200..5_000).contains(&took), "{protocol}: {took} ms");
        assert_eq!(pipeline.status("metrics").dropped, 1);
    });
}

#[test]
fn metrics_add_up_as_they_are_asked_to() {
    for (preference, counts, temporality, active) in [
        ("", [2, 5], Temporality::Cumulative, Temporality::Cumulative),
        ("Cumulative", [2, 5], Temporality::Cumulative, Temporality::Cumulative),
        ("delta", [2, 3], Temporality::Delta, Temporality::Cumulative),
        ("LowMemory", [2, 3], Temporality::Delta, Temporality::Cumulative),
    ] {
        for protocol in PROTOCOLS {
            let receiver = Receiver::start();
            let variables = [
                ON,
                ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ];
            let pipeline = Pipeline::to(&receiver, &variables);
            let counter = pipeline.meter().u64_counter("requests").build();
            let up_down = pipeline.meter().i64_up_down_counter("active").build();
            let told = [2, 3].map(|more| {
                counter.add(more, &[]);
                up_down.add(1, &[]);
                pipeline.flush();
                let told = receiver.metric("requests").expect("flushed");
                assert_eq!(told.temporality, temporality, "{preference}");
                told.points[0].int()
            });
            assert_eq!(told, counts, "{preference} over {protocol}");
            let told = receiver.metric("active").expect("flushed");
            assert_eq!((told.temporality, told.points[0].int()), (active, 2), "{preference}");
        }
    }
}

#[test]
fn delta_and_low_memory_differ_in_what_is_observed() {
    for (preference, temporality) in
        [("delta", Temporality::Delta), ("lowmemory", Temporality::Cumulative)]
    {
        let receiver = Receiver::start();
        let variables = [ON, ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)];
        let pipeline = Pipeline::to(&receiver, &variables);
        let _counter = pipeline
            .meter()
            .u64_observable_counter("observed")
            .with_callback(|observer| observer.observe(1, &[]))
            .build();
        pipeline.flush();
        let told = receiver.metric("observed").expect("flushed");
        assert_eq!(told.temporality, temporality, "{preference}");
    }
}

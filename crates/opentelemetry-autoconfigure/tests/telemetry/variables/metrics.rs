//! The times of metric exports, and their temporality.

use std::time::Instant;

use opentelemetry_autoconfigure::Signal as Exported;

use super::Row;
use crate::support::{Pipeline, SOON, over_both};
use otlp_receiver::{Behaviour, Signal, Temporality};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_METRIC_EXPORT_INTERVAL", metrics_are_exported_at_every_interval),
    ("OTEL_METRIC_EXPORT_TIMEOUT", an_export_of_metrics_ends_with_its_timeout),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", the_preference_selects_the_temporality),
];

const ON: (&str, &str) = ("OTEL_METRICS_EXPORTER", "otlp");

#[test]
fn metrics_are_exported_at_every_interval() {
    let (receiver, pipeline) = Pipeline::start(&[ON, ("OTEL_METRIC_EXPORT_INTERVAL", "20")]);
    pipeline.count("counted", 1);
    receiver.wait_for_requests(Signal::Metrics, 3, SOON);
    assert_eq!(receiver.wait_for_metric("counted", SOON).points[0].int(), 1);
    assert!(pipeline.status(Exported::Metrics).exported >= 2);
}

#[test]
fn an_export_of_metrics_ends_with_its_timeout() {
    over_both(|receiver| {
        receiver.set(Behaviour::Hang);
        let pipeline = receiver.pipeline(&[ON, ("OTEL_METRIC_EXPORT_TIMEOUT", "200")]);
        pipeline.count("counted", 1);
        let began = Instant::now();
        pipeline.flush_error();
        let took = began.elapsed().as_millis();
        // The protocol's own timeout, 10 s, would be far longer.
        assert!((200..5_000).contains(&took), "{took} ms");
        assert_eq!(pipeline.status(Exported::Metrics).dropped, 1);
    });
}

#[test]
fn the_preference_selects_the_temporality() {
    for (preference, counts, temporality, active) in [
        ("", [2, 5], Temporality::Cumulative, Temporality::Cumulative),
        ("Cumulative", [2, 5], Temporality::Cumulative, Temporality::Cumulative),
        ("delta", [2, 3], Temporality::Delta, Temporality::Cumulative),
        ("LowMemory", [2, 3], Temporality::Delta, Temporality::Cumulative),
    ] {
        over_both(|receiver| {
            let pipeline = receiver
                .pipeline(&[ON, ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)]);
            let counter = pipeline.meter().u64_counter("requests").build();
            let up_down = pipeline.meter().i64_up_down_counter("active").build();
            let latest = [2, 3].map(|more| {
                counter.add(more, &[]);
                up_down.add(1, &[]);
                pipeline.flush();
                let latest = receiver.metric("requests").expect("flushed");
                assert_eq!(latest.temporality, temporality, "{preference}");
                latest.points[0].int()
            });
            assert_eq!(latest, counts, "{preference}");
            let latest = receiver.metric("active").expect("flushed");
            assert_eq!((latest.temporality, latest.points[0].int()), (active, 2), "{preference}");
        });
    }
}

#[test]
fn delta_and_low_memory_differ_in_observable_counters() {
    for (preference, temporality) in
        [("delta", Temporality::Delta), ("lowmemory", Temporality::Cumulative)]
    {
        let variables = [ON, ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)];
        let (receiver, pipeline) = Pipeline::start(&variables);
        let _counter = pipeline
            .meter()
            .u64_observable_counter("observed")
            .with_callback(|observer| observer.observe(1, &[]))
            .build();
        pipeline.flush();
        let latest = receiver.metric("observed").expect("flushed");
        assert_eq!(latest.temporality, temporality, "{preference}");
    }
}

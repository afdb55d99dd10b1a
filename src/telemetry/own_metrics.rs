//! Telemetry about the telemetry: what each exporter of spans took, and what was lost and why.
//!
//! Names: <https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/>. The counts are read when
//! metrics are collected, so they cost a span nothing.

use std::sync::Arc;

use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_semantic_conventions::{attribute as semconv, metric};

use super::lane::Lane;
use super::outage::Loss;

/// The scope of these metrics.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("rocket_otel_demo::telemetry")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// Reports on every lane for as long as the meter's provider lives.
pub(crate) fn observe(meter: &Meter, lanes: &[Arc<Lane>]) {
    if lanes.is_empty() {
        return;
    }
    let seen = lanes.to_vec();
    meter
        .u64_observable_counter(metric::OTEL_SDK_PROCESSOR_SPAN_PROCESSED)
        .with_unit("{span}")
        .with_description("Spans whose processing has ended, well or badly.")
        .with_callback(move |observer| {
            for (index, lane) in seen.iter().enumerate() {
                let labels = component("batching_span_processor", index);
                let [queue_full, shutdown] = [Loss::QueueFull, Loss::AlreadyShutdown]
                    .map(|loss| (loss, lane.health.lost(loss)));
                observer
                    .observe(lane.health.exported_count() + lane.health.export_losses(), &labels);
                observe_losses(observer, &labels, &[queue_full, shutdown]);
            }
        })
        .build();
    let seen = lanes.to_vec();
    meter
        .u64_observable_counter(metric::OTEL_SDK_EXPORTER_SPAN_EXPORTED)
        .with_unit("{span}")
        .with_description("Spans whose export has ended, well or badly.")
        .with_callback(move |observer| {
            for (index, lane) in seen.iter().enumerate() {
                let labels = component(lane.health.component_type(), index);
                let losses = [Loss::Failed, Loss::Rejected];
                observer.observe(lane.health.exported_count(), &labels);
                observe_losses(
                    observer,
                    &labels,
                    &losses.map(|loss| (loss, lane.health.lost(loss))),
                );
            }
        })
        .build();
    let seen = lanes.to_vec();
    meter
        .i64_observable_up_down_counter(metric::OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE)
        .with_unit("{span}")
        .with_description("Spans that wait for their export.")
        .with_callback(move |observer| {
            for (index, lane) in seen.iter().enumerate() {
                let waiting = i64::try_from(lane.waiting()).unwrap_or(i64::MAX);
                observer.observe(waiting, &component("batching_span_processor", index));
            }
        })
        .build();
}

fn component(kind: &'static str, index: usize) -> [KeyValue; 2] {
    [
        KeyValue::new(semconv::OTEL_COMPONENT_TYPE, kind),
        KeyValue::new(semconv::OTEL_COMPONENT_NAME, format!("{kind}/{index}")),
    ]
}

/// A loss has a series of its own from its first occurrence on.
fn observe_losses(
    observer: &dyn AsyncInstrument<u64>,
    labels: &[KeyValue; 2],
    losses: &[(Loss, u64)],
) {
    for (loss, count) in losses.iter().filter(|(_, count)| *count > 0) {
        let [kind, name] = labels.clone();
        let error = KeyValue::new(semconv::ERROR_TYPE, loss.error_type());
        observer.observe(*count, &[kind, name, error]);
    }
}

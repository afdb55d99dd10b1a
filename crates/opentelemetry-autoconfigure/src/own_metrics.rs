//! Telemetry about the telemetry: what each exporter of spans took, and what was lost and why.
//!
//! Names: <https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/>. The counts are read when
//! metrics are collected, so they cost a span nothing.

use std::sync::Arc;

use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_semantic_conventions::{attribute as semconv, metric};

use super::lane::Lane;
use super::outage::{Health, Loss};

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
    meter
        .u64_observable_counter(metric::OTEL_SDK_PROCESSOR_SPAN_PROCESSED)
        .with_unit("{span}")
        .with_description("Spans whose processing has ended, well or badly.")
        .with_callback(of_each(lanes, |observer, index, Lane { health, .. }| {
            let labels = component("batching_span_processor", index);
            observer.observe(health.exported_count() + health.export_losses(), &labels);
            observe_losses(observer, &labels, health, [Loss::QueueFull, Loss::AlreadyShutdown]);
        }))
        .build();
    meter
        .u64_observable_counter(metric::OTEL_SDK_EXPORTER_SPAN_EXPORTED)
        .with_unit("{span}")
        .with_description("Spans whose export has ended, well or badly.")
        .with_callback(of_each(lanes, |observer, index, Lane { health, .. }| {
            let labels = component(health.component_type(), index);
            observer.observe(health.exported_count(), &labels);
            observe_losses(observer, &labels, health, [Loss::Failed, Loss::Rejected]);
        }))
        .build();
    meter
        .i64_observable_up_down_counter(metric::OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE)
        .with_unit("{span}")
        .with_description("Spans that wait for their export.")
        .with_callback(of_each(lanes, |observer, index, lane| {
            let waiting = i64::try_from(lane.waiting()).unwrap_or(i64::MAX);
            observer.observe(waiting, &component("batching_span_processor", index));
        }))
        .build();
}

/// A callback that looks at each lane in turn.
fn of_each<T: 'static>(
    lanes: &[Arc<Lane>],
    look: impl Fn(&dyn AsyncInstrument<T>, usize, &Lane) + Send + Sync + 'static,
) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static {
    let lanes = lanes.to_vec();
    move |observer| {
        for (index, lane) in lanes.iter().enumerate() {
            look(observer, index, lane);
        }
    }
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
    health: &Health,
    losses: [Loss; 2],
) {
    for loss in losses {
        let count = health.lost(loss);
        if count > 0 {
            let [kind, name] = labels.clone();
            let error = KeyValue::new(semconv::ERROR_TYPE, loss.error_type());
            observer.observe(count, &[kind, name, error]);
        }
    }
}

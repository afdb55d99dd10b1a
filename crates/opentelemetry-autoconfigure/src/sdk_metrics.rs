//! Metrics about the exports of spans: how many were exported, and how many were lost and why.
//!
//! Names: <https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/>. The counts are read when
//! metrics are collected, so a span costs nothing more.

use std::sync::Arc;

use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_semantic_conventions::{attribute as semconv, metric};

use super::batch_worker::BatchWorker;
use super::otlp::Protocol;
use super::stats::{Destination, DropReason, ExporterStats};

/// The scope of these metrics.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// Observes the workers for as long as the meter's provider lives.
pub(crate) fn observe(meter: &Meter, workers: &[Arc<BatchWorker>]) {
    if workers.is_empty() {
        return;
    }
    meter
        .u64_observable_counter(metric::OTEL_SDK_PROCESSOR_SPAN_PROCESSED)
        .with_unit("{span}")
        .with_description("Spans whose processing has ended, successfully or not.")
        .with_callback(for_each(workers, |observer, index, BatchWorker { stats, .. }| {
            use DropReason::{AlreadyShutdown, ExportFailed, QueueFull, Rejected};
            let labels = component(PROCESSOR, index);
            let attempted = [ExportFailed, Rejected].map(|reason| stats.dropped_for(reason));
            observer.observe(stats.exported() + attempted.iter().sum::<u64>(), &labels);
            observe_dropped(observer, &labels, stats, [QueueFull, AlreadyShutdown]);
        }))
        .build();
    meter
        .u64_observable_counter(metric::OTEL_SDK_EXPORTER_SPAN_EXPORTED)
        .with_unit("{span}")
        .with_description("Spans whose export has ended, successfully or not.")
        .with_callback(for_each(workers, |observer, index, BatchWorker { stats, .. }| {
            let labels = component(exporter(&stats.destination), index);
            observer.observe(stats.exported(), &labels);
            let reasons = [DropReason::ExportFailed, DropReason::Rejected];
            observe_dropped(observer, &labels, stats, reasons);
        }))
        .build();
    meter
        .i64_observable_up_down_counter(metric::OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE)
        .with_unit("{span}")
        .with_description("Spans that wait for their export.")
        .with_callback(for_each(workers, |observer, index, worker| {
            let pending = i64::try_from(worker.pending()).unwrap_or(i64::MAX);
            observer.observe(pending, &component(PROCESSOR, index));
        }))
        .build();
}

/// A callback that observes each worker in turn.
fn for_each<T: 'static>(
    workers: &[Arc<BatchWorker>],
    observe: impl Fn(&dyn AsyncInstrument<T>, usize, &BatchWorker) + Send + Sync + 'static,
) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static {
    let workers = workers.to_vec();
    move |observer| {
        for (index, worker) in workers.iter().enumerate() {
            observe(observer, index, worker);
        }
    }
}

const PROCESSOR: &str = "batching_span_processor";

/// `otel.component.type` of an exporter of spans.
fn exporter(destination: &Destination) -> &'static str {
    match destination {
        Destination::Otlp(Protocol::Grpc, _) => "otlp_grpc_span_exporter",
        Destination::Otlp(Protocol::HttpProtobuf, _) => "otlp_http_span_exporter",
        Destination::Console | Destination::None => "stdout_span_exporter",
    }
}

fn component(kind: &'static str, index: usize) -> [KeyValue; 2] {
    [
        KeyValue::new(semconv::OTEL_COMPONENT_TYPE, kind),
        KeyValue::new(semconv::OTEL_COMPONENT_NAME, format!("{kind}/{index}")),
    ]
}

/// A reason has a series of its own from its first occurrence on.
fn observe_dropped(
    observer: &dyn AsyncInstrument<u64>,
    labels: &[KeyValue; 2],
    stats: &ExporterStats,
    reasons: [DropReason; 2],
) {
    for reason in reasons {
        let count = stats.dropped_for(reason);
        if count > 0 {
            let [kind, name] = labels.clone();
            let error_type = match reason {
                DropReason::QueueFull => "queue_full",
                DropReason::AlreadyShutdown => "already_shutdown",
                DropReason::ExportFailed => "export_failed",
                DropReason::Rejected => "rejected",
            };
            let error = KeyValue::new(semconv::ERROR_TYPE, error_type);
            observer.observe(count, &[kind, name, error]);
        }
    }
}

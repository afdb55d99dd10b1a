//! `GET /api/process`: spans within a span, one after the other.

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use serde::Serialize;

use super::{Demo, Platform};

/// Bounds of the simulated steps in milliseconds. Together they take 200 to 700 ms, with a margin
/// for timers that fire late.
const VALIDATE: [u64; 2] = [50, 145];
const PROCESS: [u64; 2] = [100, 395];
const SAVE: [u64; 2] = [50, 145];

/// Records that one request saves at most.
const MAX_RECORDS: u64 = 100;

/// How long the steps took.
#[derive(Debug, Serialize)]
pub struct Processed {
    status: &'static str,
    duration_ms: f64,
}

impl<P: Platform> Demo<P> {
    /// Validates, processes and saves, each in a span of its own.
    pub async fn process(&self) -> Processed {
        self.with_metrics("/api/process", |_| 200, async {
            let started = self.deterministic.now();
            self.in_span("process_request", Vec::new(), self.run_steps()).await;
            let elapsed = self.deterministic.now() - started;
            let duration_ms = (elapsed.as_secs_f64() * 1e5).round() / 1e2;
            Processed { status: "success", duration_ms }
        })
        .await
    }

    async fn run_steps(&self) {
        let step = |name| vec![KeyValue::new("step", name)];
        self.in_span("validate_data", step("validate"), self.simulate_work(VALIDATE)).await;
        self.in_span("process_data", step("process"), self.simulate_work(PROCESS)).await;
        self.in_span("save_results", step("save"), self.save()).await;
    }

    async fn save(&self) {
        self.simulate_work(SAVE).await;
        let records = 1 + self.deterministic.random() % MAX_RECORDS;
        self.metrics.custom_gauge.record(records, &[]);
        let attribute = KeyValue::new("records_saved", records.cast_signed());
        Context::current().span().set_attribute(attribute);
    }
}

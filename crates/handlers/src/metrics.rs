//! The demo's own metrics: a counter, a histogram and a gauge.

use std::future::Future;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

use super::{Demo, Platform};

/// Bucket boundaries in milliseconds around the simulated latencies.
const DURATION_BUCKETS_MS: [f64; 10] =
    [1.0, 5.0, 10.0, 50.0, 100.0, 200.0, 300.0, 500.0, 700.0, 1000.0];

/// The instruments, created once: to create one is slow, to record with one is fast.
#[derive(Debug)]
pub(crate) struct DemoMetrics {
    requests: Counter<u64>,
    duration: Histogram<f64>,
    /// Records that the last request to `/api/process` saved.
    pub(crate) custom_gauge: Gauge<u64>,
}

impl DemoMetrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            requests: meter
                .u64_counter("app.requests.total")
                .with_unit("{request}")
                .with_description("Requests that a handler of the application answered.")
                .build(),
            duration: meter
                .f64_histogram("app.request.duration")
                .with_unit("ms")
                .with_description("Duration of the application's handlers.")
                .with_boundaries(DURATION_BUCKETS_MS.to_vec())
                .build(),
            custom_gauge: meter
                .u64_gauge("app.custom.gauge")
                .with_unit("{record}")
                .with_description("Records that the last request to /api/process saved.")
                .build(),
        }
    }
    // Apart from `with_metrics`, which the compiler copies for each handler.
    fn record(&self, endpoint: &'static str, status: u16, elapsed: Duration) {
        let status = KeyValue::new("status", i64::from(status));
        let labels = [KeyValue::new("endpoint", endpoint), status];
        self.requests.add(1, &labels);
        self.duration.record(elapsed.as_secs_f64() * 1e3, &labels);
    }
}

impl<P: Platform> Demo<P> {
    /// Counts and times the handler of an endpoint. `status` is the HTTP status of its outcome.
    pub(crate) async fn with_metrics<T>(
        &self,
        endpoint: &'static str,
        status: impl FnOnce(&T) -> u16,
        handler: impl Future<Output = T>,
    ) -> T {
        let started = self.deterministic.now();
        let outcome = handler.await;
        self.metrics.record(endpoint, status(&outcome), self.deterministic.now() - started);
        outcome
    }
}

//! The demo's own metrics: a counter, a histogram and a gauge.

use std::future::Future;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

use super::{App, Host, Reply};

/// Bucket boundaries in milliseconds around the simulated latencies.
const DURATION_BUCKETS_MS: [f64; 10] =
    [1.0, 5.0, 10.0, 50.0, 100.0, 200.0, 300.0, 500.0, 700.0, 1000.0];

/// The instruments, made once: to make one is slow, to use one is not.
#[derive(Debug)]
pub struct AppMetrics {
    requests: Counter<u64>,
    duration: Histogram<f64>,
    gauge: Gauge<u64>,
}

impl AppMetrics {
    /// Makes the instruments.
    #[must_use]
    pub fn new(meter: &Meter) -> Self {
        Self {
            requests: meter
                .u64_counter("app.requests.total")
                .with_unit("{request}")
                .with_description("Requests that a handler of the application answered.")
                .build(),
            duration: meter
                .f64_histogram("app.request.duration")
                .with_unit("ms")
                .with_description("Time that a handler of the application took.")
                .with_boundaries(DURATION_BUCKETS_MS.to_vec())
                .build(),
            gauge: meter
                .u64_gauge("app.custom.gauge")
                .with_unit("{record}")
                .with_description("Records that the last request to /api/process saved.")
                .build(),
        }
    }
}

impl<H: Host> App<H> {
    /// Counts and times the handler of an endpoint.
    pub(super) async fn measured(
        &self,
        endpoint: &'static str,
        handler: impl Future<Output = Reply>,
    ) -> Reply {
        let started = self.host.now();
        let reply = handler.await;
        let labels =
            [KeyValue::new("endpoint", endpoint), KeyValue::new("status", i64::from(reply.status))];
        self.metrics.requests.add(1, &labels);
        self.metrics.duration.record((self.host.now() - started).as_secs_f64() * 1e3, &labels);
        reply
    }

    pub(super) fn set_custom_gauge(&self, records: u64) {
        self.metrics.gauge.record(records, &[]);
    }
}

//! The instruments of the stable HTTP metrics.
//!
//! Source: <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>. Durations are in
//! seconds and equal the duration of the span.

use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};
use opentelemetry_semantic_conventions::metric;

/// Bucket boundaries in seconds that the conventions advise for durations.
const DURATION_BOUNDARIES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Still in development; `opentelemetry-semantic-conventions` asks libraries to copy such names.
const SERVER_ACTIVE_REQUESTS: &str = "http.server.active_requests";

/// `http.server.request.duration`, in seconds.
#[must_use]
pub fn server_request_duration(meter: &Meter) -> Histogram<f64> {
    duration(meter, metric::HTTP_SERVER_REQUEST_DURATION, "Duration of HTTP server requests.")
}

/// `http.client.request.duration`, in seconds.
#[must_use]
pub fn client_request_duration(meter: &Meter) -> Histogram<f64> {
    duration(meter, metric::HTTP_CLIENT_REQUEST_DURATION, "Duration of HTTP client requests.")
}

/// `http.server.active_requests`, in requests.
#[must_use]
pub fn server_active_requests(meter: &Meter) -> UpDownCounter<i64> {
    meter
        .i64_up_down_counter(SERVER_ACTIVE_REQUESTS)
        .with_unit("{request}")
        .with_description("Number of active HTTP server requests.")
        .build()
}

fn duration(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(DURATION_BOUNDARIES.to_vec())
        .build()
}

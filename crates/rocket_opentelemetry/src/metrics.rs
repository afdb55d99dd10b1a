//! The HTTP server metrics, recorded by instruments that are bound to their labels.
//!
//! To record with labels hashes them and looks them up, three times a request; a bound instrument
//! goes straight to its sum. Binding needs the feature `experimental_metrics_bound_instruments` of
//! both `opentelemetry` and `opentelemetry_sdk`: without the latter, nothing would be recorded.

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};
use opentelemetry_semantic_conventions::{attribute as semconv, metric};
use rocket::http::Method;

use super::series::{HistogramSeries, UpDownCounterSeries, histogram, up_down_counter};

/// Bucket boundaries, in seconds, that the conventions advise for request durations.
pub(crate) const DURATION_BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The labels that every metric of a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    /// A known method, or `None` for `_OTHER`.
    method: Option<Method>,
    https: bool,
}

/// Methods of Rocket's, and one for all others; each with two schemes.
const COMBINATIONS: usize = 20;

impl Labels {
    pub(crate) fn new(method: Option<Method>) -> Self {
        Self { method, https: false }
    }

    pub(crate) fn set_scheme(&mut self, scheme: &'static str) {
        self.https = scheme == "https";
    }

    /// `http.request.method`.
    pub(crate) fn method(self) -> &'static str {
        self.method.map_or("_OTHER", Method::as_str)
    }

    fn scheme(self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    fn index(self) -> usize {
        let method = self.method.map_or(0, |method| 1 + method as usize);
        2 * method + usize::from(self.https)
    }

    pub(crate) fn attributes(self) -> [KeyValue; 2] {
        [
            KeyValue::new(semconv::HTTP_REQUEST_METHOD, self.method()),
            KeyValue::new(semconv::URL_SCHEME, self.scheme()),
        ]
    }
}

/// The instruments of the HTTP server metrics, shared by all requests.
#[derive(Debug)]
pub(crate) struct ServerMetrics {
    pub(crate) duration: Histogram<f64>,
    active: UpDownCounter<i64>,
    bound_active: [OnceLock<UpDownCounterSeries>; COMBINATIONS],
}

impl ServerMetrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            duration: meter
                .f64_histogram(metric::HTTP_SERVER_REQUEST_DURATION)
                .with_unit("s")
                .with_description("Duration of HTTP server requests.")
                .with_boundaries(DURATION_BUCKETS.to_vec())
                .build(),
            active: meter
                .i64_up_down_counter(metric::HTTP_SERVER_ACTIVE_REQUESTS)
                .with_unit("{request}")
                .with_description("Number of active HTTP server requests.")
                .build(),
            bound_active: Default::default(),
        }
    }

    /// Counts a request that begins (1) or ends (-1).
    pub(crate) fn active(&self, labels: Labels, change: i64) {
        match self.bound_active.get(labels.index()) {
            Some(bound) => {
                bound
                    .get_or_init(|| up_down_counter(&self.active, &labels.attributes()))
                    .add(change);
            }
            // A method that a later Rocket may know.
            None => self.active.add(change, &labels.attributes()),
        }
    }
}

/// What a successful request of a route takes, by method, scheme and status. Routes answer with
/// few of them; what comes beyond is recorded the usual way.
#[derive(Debug, Default)]
pub(crate) struct RouteDurations([OnceLock<Bound>; 6]);

/// Labels with a status, and what is bound to them.
type Bound = ((Labels, u16), HistogramSeries);

impl RouteDurations {
    /// Records, unless all places are taken by other labels: then it is for the caller to do.
    pub(crate) fn record(
        &self,
        metrics: &ServerMetrics,
        route: &str,
        (labels, status): (Labels, u16),
        seconds: f64,
    ) -> bool {
        let bind = || {
            let [method, scheme] = labels.attributes();
            let status_code = KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
            let route = KeyValue::new(semconv::HTTP_ROUTE, route.to_owned());
            ((labels, status), histogram(&metrics.duration, &[method, scheme, status_code, route]))
        };
        for place in &self.0 {
            let (key, histogram) = place.get_or_init(&bind);
            if *key == (labels, status) {
                histogram.record(seconds);
                return true;
            }
        }
        false
    }
}

//! Step 9: the HTTP server metrics.

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};
use opentelemetry_http_semconv::metrics::{server_active_requests, server_request_duration};
use opentelemetry_semantic_conventions::attribute as semconv;
use rocket::http::Method;

use crate::series::{CounterSeries, HistogramSeries};

/// The labels that every metric of a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    /// A known method, or `None` for `_OTHER`.
    method: Option<Method>,
    https: bool,
}

/// Rocket's methods and one for all others, each with two schemes.
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
    active_series: [OnceLock<CounterSeries>; COMBINATIONS],
}

impl ServerMetrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            duration: server_request_duration(meter),
            active: server_active_requests(meter),
            active_series: Default::default(),
        }
    }

    /// Counts a request that begins (1) or ends (-1).
    pub(crate) fn active(&self, labels: Labels, change: i64) {
        match self.active_series.get(labels.index()) {
            Some(series) => series
                .get_or_init(|| CounterSeries::new(&self.active, &labels.attributes()))
                .add(change),
            // A method that a later Rocket may add.
            None => self.active.add(change, &labels.attributes()),
        }
    }
}

/// The durations of a route's successful requests, by method, scheme and status. Routes answer
/// with few of them; what exceeds the slots is recorded with its labels.
#[derive(Debug, Default)]
pub(crate) struct RouteDurations([OnceLock<Slot>; 6]);

/// Labels with a status, and their series.
type Slot = ((Labels, u16), HistogramSeries);

impl RouteDurations {
    /// Records, unless other labels occupy every slot: then it returns `false`, and the caller
    /// records.
    pub(crate) fn record(
        &self,
        metrics: &ServerMetrics,
        route: &str,
        (labels, status): (Labels, u16),
        seconds: f64,
    ) -> bool {
        let occupy = || {
            let [method, scheme] = labels.attributes();
            let status_code = KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
            let route = KeyValue::new(semconv::HTTP_ROUTE, route.to_owned());
            let labels_of_route = [method, scheme, status_code, route];
            ((labels, status), HistogramSeries::new(&metrics.duration, &labels_of_route))
        };
        for slot in &self.0 {
            let (key, series) = slot.get_or_init(&occupy);
            if *key == (labels, status) {
                series.record(seconds);
                return true;
            }
        }
        false
    }
}

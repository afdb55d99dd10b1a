//! The life of one request's server span, from the first fairing to the last byte of the body.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use opentelemetry_semantic_conventions::attribute as semconv;

use super::body::{BodyProgress, Progress};
use super::metrics::{Labels, RouteDurations, ServerMetrics};
use opentelemetry_http_semconv::response::{Failure, RouteName, failure, tell};

/// `error.type` where the HTTP status does not tell what went wrong.
mod error_type {
    /// A handler, a catcher or the body's reader panicked.
    pub(super) const PANIC: &str = "panic";
    /// The body's reader gave an error, so the response is cut short.
    pub(super) const BODY: &str = "body_error";
    /// The client left before it had the whole response.
    pub(super) const DISCONNECTED: &str = "client_disconnected";
    /// The request was dropped before there was a response.
    pub(super) const CANCELLED: &str = "cancelled";
}

/// The route that answers a request.
#[derive(Clone, Debug)]
pub(crate) struct AnsweringRoute {
    pub(crate) name: RouteName,
    /// What its requests take, where that is kept.
    pub(crate) durations: Option<Arc<RouteDurations>>,
}

/// The server span of one request and what its end needs to know.
///
/// It lives in the request's local cache. Rocket drops that after the body has gone out, or has
/// failed, or its reader has panicked: the drop is the response's end that Rocket has no hook for.
#[derive(Debug)]
pub(crate) struct RequestSpan {
    cx: Context,
    recording: bool,
    metrics: Arc<ServerMetrics>,
    labels: Labels,
    /// Whether the client would rather speak another protocol.
    pub(crate) asks_upgrade: bool,
    /// What the client sent: Rocket turns HEAD into GET when it falls back to a GET route.
    pub(crate) is_head: bool,
    start_time: SystemTime,
    started: Instant,
    /// 0 until there is a response.
    status: AtomicU16,
    pub(crate) body: BodyProgress,
    panicked: AtomicBool,
    ended: AtomicBool,
    route: Mutex<Option<AnsweringRoute>>,
}

/// What is known of a request when its span starts.
pub(crate) struct RequestStart {
    pub(crate) labels: Labels,
    pub(crate) is_head: bool,
    pub(crate) upgrade: bool,
    pub(crate) start_time: SystemTime,
    pub(crate) started: Instant,
}

impl RequestSpan {
    pub(crate) fn new(cx: Context, metrics: Arc<ServerMetrics>, start: &RequestStart) -> Self {
        let RequestStart { labels, is_head, upgrade, start_time, started } = *start;
        metrics.active(labels, 1);
        Self {
            recording: cx.span().is_recording(),
            cx,
            metrics,
            labels,
            asks_upgrade: upgrade,
            is_head,
            start_time,
            started,
            status: AtomicU16::new(0),
            body: BodyProgress::default(),
            panicked: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            route: Mutex::new(None),
        }
    }

    /// The context in which this request's guards, handlers and catchers run.
    pub(crate) fn context(&self) -> &Context {
        &self.cx
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recording
    }

    pub(crate) fn span_context(&self) -> SpanContext {
        self.cx.span().span_context().clone()
    }

    pub(crate) fn method(&self) -> &'static str {
        self.labels.method()
    }

    pub(crate) fn set_status(&self, code: u16) {
        self.status.store(code, Ordering::Relaxed);
    }

    /// Names the route that answers, or takes the name back when the route forwarded.
    pub(crate) fn set_route(&self, route: Option<AnsweringRoute>) {
        *self.route() = route;
    }

    pub(crate) fn has_route(&self) -> bool {
        self.route().is_some()
    }

    fn route(&self) -> MutexGuard<'_, Option<AnsweringRoute>> {
        // No code panics while it holds this lock; and a name is whole at any time.
        self.route.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handler or catcher panicked: Rocket will answer 500, the span keeps what was said.
    pub(crate) fn panicked(&self, message: &str) {
        self.panicked.store(true, Ordering::Relaxed);
        self.exception("panic", message.to_owned());
    }

    pub(crate) fn body_failed(&self, error: &std::io::Error) {
        self.exception("std::io::Error", error.to_string());
    }

    fn exception(&self, kind: &'static str, message: String) {
        let attributes = vec![
            KeyValue::new(semconv::EXCEPTION_TYPE, kind),
            KeyValue::new(semconv::EXCEPTION_MESSAGE, message),
        ];
        self.cx.span().add_event("exception", attributes);
    }

    /// Ends the span and records the metrics, once; the drop does it where nobody did before.
    pub(crate) fn end(&self) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let elapsed = self.started.elapsed();
        let status = self.status.load(Ordering::Relaxed);
        let error = self.error(status);
        let route = self.route().take();
        self.metrics.active(self.labels, -1);
        self.record_duration(elapsed, status, route.as_ref(), error.as_ref());
        if self.recording {
            self.end_span(elapsed, status, route.map(|route| route.name), error);
        }
    }

    /// `error.type` and, where no status code explains it, the status description.
    fn error(&self, status: u16) -> Option<Failure> {
        let described = |kind, description| Some((Cow::Borrowed(kind), description));
        match self.body.get() {
            _ if self.panicked.load(Ordering::Relaxed) => {
                described(error_type::PANIC, "the handler panicked")
            }
            Progress::Reading => described(error_type::PANIC, "the response body panicked"),
            Progress::Failed => described(error_type::BODY, "the response body failed"),
            Progress::Sending => described(
                error_type::DISCONNECTED,
                "the client left before the response was sent whole",
            ),
            _ if status == 0 => {
                described(error_type::CANCELLED, "dropped before there was a response")
            }
            _ => failure(status),
        }
    }

    fn record_duration(
        &self,
        elapsed: Duration,
        status: u16,
        route: Option<&AnsweringRoute>,
        error: Option<&Failure>,
    ) {
        let seconds = elapsed.as_secs_f64();
        if let (Some(AnsweringRoute { name, durations: Some(durations) }), None) = (route, error)
            && durations.record(&self.metrics, &name.template, (self.labels, status), seconds)
        {
            return;
        }
        let [method, scheme] = self.labels.attributes();
        let status = KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
        let route = route.map(|r| KeyValue::new(semconv::HTTP_ROUTE, r.name.template.clone()));
        let duration = &self.metrics.duration;
        // Slices of fixed size: the common labels cost no allocation.
        match (route, error) {
            (Some(route), None) => duration.record(seconds, &[method, scheme, status, route]),
            (None, None) => duration.record(seconds, &[method, scheme, status]),
            (route, Some((error, _))) => {
                let error = KeyValue::new(semconv::ERROR_TYPE, error.clone());
                let mut labels = vec![method, scheme, error];
                labels.extend(route);
                // A request without a response has no status code to tell.
                if status.value != opentelemetry::Value::I64(0) {
                    labels.push(status);
                }
                duration.record(seconds, &labels);
            }
        }
    }

    fn end_span(
        &self,
        elapsed: Duration,
        status: u16,
        route: Option<RouteName>,
        error: Option<Failure>,
    ) {
        let span = self.cx.span();
        tell(&span, status, route, error);
        // The metric and the span tell the same duration.
        span.end_with_timestamp(self.start_time + elapsed);
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        self.end();
    }
}

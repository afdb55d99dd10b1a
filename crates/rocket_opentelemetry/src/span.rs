//! Step 8: one request's server span, from the first fairing to the last byte of the body.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use opentelemetry_http_semconv::propagation::traceresponse;
use opentelemetry_http_semconv::{Failure, RouteName, ServerResponse};
use opentelemetry_semantic_conventions::attribute as semconv;

use crate::body::{BodyProgress, Progress};
use crate::metrics::{Labels, RouteDurations, ServerMetrics};

/// The route that answers a request.
#[derive(Clone, Debug)]
pub(crate) struct AnsweringRoute {
    pub(crate) name: RouteName,
    /// Where the durations of its requests are recorded, if it is wrapped.
    pub(crate) durations: Option<Arc<RouteDurations>>,
}

/// The server span of one request and what its end needs to know.
///
/// It is held by the request's local cache. Rocket drops that once the body has been sent, or has
/// failed, or its reader has panicked: that drop is the hook for a response's end, which Rocket
/// lacks.
#[derive(Debug)]
pub(crate) struct RequestSpan {
    cx: Context,
    pub(crate) recording: bool,
    metrics: Arc<ServerMetrics>,
    pub(crate) start: RequestStart,
    /// 0 until there is a response.
    status: AtomicU16,
    pub(crate) body: BodyProgress,
    panicked: AtomicBool,
    ended: AtomicBool,
    route: Mutex<Option<AnsweringRoute>>,
}

/// What is known of a request when its span starts.
#[derive(Debug)]
pub(crate) struct RequestStart {
    pub(crate) labels: Labels,
    /// Whether the client sent HEAD, which Rocket turns into GET for a GET route.
    pub(crate) is_head: bool,
    /// Whether the client offers to upgrade to another protocol.
    pub(crate) asks_upgrade: bool,
    pub(crate) start_time: SystemTime,
    pub(crate) started: Instant,
}

impl RequestSpan {
    pub(crate) fn new(cx: Context, metrics: Arc<ServerMetrics>, start: RequestStart) -> Self {
        metrics.active(start.labels, 1);
        Self {
            recording: cx.span().is_recording(),
            cx,
            metrics,
            start,
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

    /// The value of `traceresponse`. There is none without a span of our own: a tracer without a
    /// provider returns the caller's context, or an invalid one.
    pub(crate) fn traceresponse(&self) -> Option<String> {
        let span = self.cx.span();
        let context = span.span_context();
        (context.is_valid() && !context.is_remote()).then(|| traceresponse(context))
    }

    pub(crate) fn method(&self) -> &'static str {
        self.start.labels.method()
    }

    pub(crate) fn set_status(&self, code: u16) {
        self.status.store(code, Ordering::Relaxed);
    }

    /// Sets the route that answers; `None` once it has forwarded.
    pub(crate) fn set_route(&self, route: Option<AnsweringRoute>) {
        *self.route() = route;
    }

    pub(crate) fn has_route(&self) -> bool {
        self.route().is_some()
    }

    fn route(&self) -> MutexGuard<'_, Option<AnsweringRoute>> {
        // No code panics while it holds this lock.
        self.route.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a handler or catcher panicked; Rocket answers 500.
    pub(crate) fn panicked(&self, message: &str) {
        self.panicked.store(true, Ordering::Relaxed);
        self.exception("panic", message.to_owned());
    }

    pub(crate) fn exception(&self, kind: &'static str, message: String) {
        let attributes = vec![
            KeyValue::new(semconv::EXCEPTION_TYPE, kind),
            KeyValue::new(semconv::EXCEPTION_MESSAGE, message),
        ];
        self.cx.span().add_event("exception", attributes);
    }

    /// Ends the span and records the metrics, once. The drop calls it for all that no one ended.
    pub(crate) fn end(&self) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let elapsed = self.start.started.elapsed();
        let status = self.status.load(Ordering::Relaxed);
        let failure = self.failure(status);
        let route = self.route().take();
        self.metrics.active(self.start.labels, -1);
        self.record_duration(elapsed, status, route.as_ref(), failure.as_ref());
        if self.recording {
            let span = self.cx.span();
            let status = (status != 0).then_some(status);
            let route = route.map(|route| route.name);
            ServerResponse { status, route, failure }.record(&span);
            // Span and metric have the same duration.
            span.end_with_timestamp(self.start.start_time + elapsed);
        }
    }

    fn failure(&self, status: u16) -> Option<Failure> {
        let (error_type, description) = match self.body.get() {
            _ if self.panicked.load(Ordering::Relaxed) => ("panic", "the handler panicked"),
            Progress::Reading => ("panic", "the response body panicked"),
            Progress::Failed => ("body_error", "the response body failed"),
            Progress::Sending => {
                ("client_disconnected", "the client left before the response was complete")
            }
            _ if status == 0 => ("cancelled", "the request was dropped before it had a response"),
            _ => return Failure::of_status(status),
        };
        Some(Failure { error_type: Cow::Borrowed(error_type), description })
    }

    fn record_duration(
        &self,
        elapsed: Duration,
        status: u16,
        route: Option<&AnsweringRoute>,
        failure: Option<&Failure>,
    ) {
        let seconds = elapsed.as_secs_f64();
        if let (Some(AnsweringRoute { name, durations: Some(durations) }), None) = (route, failure)
            && durations.record(&self.metrics, &name.template, (self.start.labels, status), seconds)
        {
            return;
        }
        let [method, scheme] = self.start.labels.attributes();
        let code = KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
        let route = route.map(|r| KeyValue::new(semconv::HTTP_ROUTE, r.name.template.clone()));
        let duration = &self.metrics.duration;
        // Arrays: the common labels cost no allocation.
        match (route, failure) {
            (Some(route), None) => duration.record(seconds, &[method, scheme, code, route]),
            (None, None) => duration.record(seconds, &[method, scheme, code]),
            (route, Some(failure)) => {
                let error = KeyValue::new(semconv::ERROR_TYPE, failure.error_type.clone());
                let mut labels = vec![method, scheme, error];
                labels.extend(route);
                labels.extend((status != 0).then_some(code));
                duration.record(seconds, &labels);
            }
        }
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        self.end();
    }
}

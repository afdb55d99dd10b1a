//! How a server span is named and ended once there is a response.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanRef, Status};
use opentelemetry_semantic_conventions::attribute as semconv;

/// A route as telemetry names it.
#[derive(Clone, Debug)]
pub(crate) struct RouteName {
    /// `http.route`: the template, as in `/users/<id>`.
    pub(crate) template: Cow<'static, str>,
    /// The span's name: `{method} {template}`.
    pub(crate) span: Cow<'static, str>,
}

impl RouteName {
    pub(crate) fn new(method: &str, template: impl Into<Cow<'static, str>>) -> Self {
        let template = template.into();
        Self { span: span_name(method, &template).into(), template }
    }
}

/// `{method} {route}`; `HTTP` stands for a method that is not known.
pub(crate) fn span_name(method: &str, template: &str) -> String {
    let method = if method == "_OTHER" { "HTTP" } else { method };
    format!("{method} {template}")
}

/// Why a request counts as failed: `error.type`, and a description where no status code explains it.
pub(crate) type Failure = (Cow<'static, str>, &'static str);

/// On a server only 5xx is an error: 4xx is the client's.
pub(crate) fn failure(status: u16) -> Option<Failure> {
    (status >= 500).then(|| (Cow::Owned(status.to_string()), ""))
}

/// Tells a server span what became of its request; a `status` of 0 is none. The span goes on.
pub(crate) fn tell(
    span: &SpanRef<'_>,
    status: u16,
    route: Option<RouteName>,
    failure: Option<Failure>,
) {
    if status != 0 {
        let code = KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
        span.set_attribute(code);
    }
    if let Some(route) = route {
        span.update_name(route.span);
        span.set_attribute(KeyValue::new(semconv::HTTP_ROUTE, route.template));
    }
    if let Some((kind, description)) = failure {
        span.set_attribute(KeyValue::new(semconv::ERROR_TYPE, kind));
        span.set_status(Status::error(description));
    }
}

/// `traceresponse` of W3C Trace Context level 2: it tells a client the trace of its request.
#[must_use]
pub fn traceresponse(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags())
}

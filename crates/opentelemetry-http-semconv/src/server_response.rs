//! The server span at its end: what became of the request.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanRef, Status};
use opentelemetry_semantic_conventions::attribute as semconv;

use crate::method::OTHER;

/// A route as telemetry names it.
#[derive(Clone, Debug)]
pub struct RouteName {
    /// `http.route`: the template, as in `/users/<id>`.
    pub template: Cow<'static, str>,
    /// The span's name: `{method} {template}`.
    pub span_name: Cow<'static, str>,
}

impl RouteName {
    /// Names a route that answers a request with this `http.request.method`.
    pub fn new(method: &str, template: impl Into<Cow<'static, str>>) -> Self {
        let template = template.into();
        Self { span_name: Self::span_name(method, &template).into(), template }
    }

    /// `{method} {template}`, with `HTTP` for the method `_OTHER` (HTTP spans, "Name").
    #[must_use]
    pub fn span_name(method: &str, template: &str) -> String {
        let method = if method == OTHER { "HTTP" } else { method };
        format!("{method} {template}")
    }
}

/// Why a request counts as failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `error.type`: the status code, or a name of low cardinality.
    pub error_type: Cow<'static, str>,
    /// The description of the span's status; empty where the status code explains the failure.
    pub description: &'static str,
}

impl Failure {
    /// The failure that a status code stands for. On a server only 5xx is one: 4xx is the client's
    /// (HTTP spans, "Status").
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        (status >= 500)
            .then(|| Self { error_type: Cow::Owned(status.to_string()), description: "" })
    }
}

/// What became of a request: what a server span needs at its end.
#[derive(Clone, Debug, Default)]
pub struct ServerResponse {
    /// `http.response.status_code`; `None` if there was no response.
    pub status: Option<u16>,
    /// The route that answered; `None` if no route matched.
    pub route: Option<RouteName>,
    /// `error.type` and the span's status; `None` leaves the status unset.
    pub failure: Option<Failure>,
}

impl ServerResponse {
    /// Records the response on the request's span, which it does not end.
    pub fn record(self, span: &SpanRef<'_>) {
        if let Some(status) = self.status {
            let code = KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
            span.set_attribute(code);
        }
        if let Some(route) = self.route {
            span.update_name(route.span_name);
            span.set_attribute(KeyValue::new(semconv::HTTP_ROUTE, route.template));
        }
        if let Some(Failure { error_type, description }) = self.failure {
            span.set_attribute(KeyValue::new(semconv::ERROR_TYPE, error_type));
            span.set_status(Status::error(description));
        }
    }
}

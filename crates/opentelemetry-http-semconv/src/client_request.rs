//! The client span of an outgoing request, and the metric that goes with it.

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use opentelemetry::metrics::Histogram;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use opentelemetry_semantic_conventions::attribute as semconv;

use crate::method::MethodName;
use crate::redaction::redact_url;

/// A request as its client is about to send it.
///
/// Source: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span>.
#[derive(Clone, Debug)]
pub struct ClientRequest<'r> {
    /// `http.request.method`, and `http.request.method_original` where the method is not known.
    pub method: MethodName<'r>,
    /// `url.full`, as sent: the attribute holds it redacted.
    pub url: &'r str,
    /// `server.address`; the brackets of an IPv6 address are left out.
    pub host: &'r str,
    /// `server.port`.
    pub port: Option<u16>,
    /// `http.request.resend_count`: how many attempts at the same request came before this one.
    pub resend_count: u32,
}

impl ClientRequest<'_> {
    /// Begins an attempt to send the request, now. `start_span` starts the span and returns the
    /// context that holds it. The end is recorded in `duration`, see
    /// [`metrics::client_request_duration`](crate::metrics::client_request_duration).
    pub fn start<'h>(
        &self,
        duration: Option<&'h Histogram<f64>>,
        start_span: impl FnOnce(SpanBuilder) -> Context,
    ) -> Attempt<'h> {
        let (start_time, started) = (SystemTime::now(), Instant::now());
        let labels = self.labels();
        let metric = duration.map(|histogram| (histogram, labels.clone()));
        let builder = SpanBuilder::from_name(self.method.span_name())
            .with_kind(SpanKind::Client)
            .with_start_time(start_time)
            .with_attributes(self.attributes(labels));
        Attempt { cx: start_span(builder), start_time, started, metric, end: None }
    }

    /// The attributes of the request that its duration is labelled with.
    #[must_use]
    pub fn labels(&self) -> Vec<KeyValue> {
        let host = self.host.trim_matches(['[', ']']).to_owned();
        let mut labels = vec![
            KeyValue::new(semconv::HTTP_REQUEST_METHOD, self.method.name.clone()),
            KeyValue::new(semconv::SERVER_ADDRESS, host),
        ];
        labels.extend(self.port.map(|p| KeyValue::new(semconv::SERVER_PORT, i64::from(p))));
        labels
    }

    fn attributes(&self, labels: Vec<KeyValue>) -> Vec<KeyValue> {
        let mut attributes = labels;
        attributes.push(KeyValue::new(semconv::URL_FULL, redact_url(self.url)));
        if let Some(original) = self.method.original {
            let original = original.to_owned();
            attributes.push(KeyValue::new(semconv::HTTP_REQUEST_METHOD_ORIGINAL, original));
        }
        if self.resend_count > 0 {
            let count = i64::from(self.resend_count);
            attributes.push(KeyValue::new(semconv::HTTP_REQUEST_RESEND_COUNT, count));
        }
        attributes
    }
}

/// An attempt to send a request: one client span.
///
/// Its drop ends the span and records the duration, so a call that is cancelled has both, with the
/// `error.type` `cancelled`.
#[must_use = "the span ends when the attempt is dropped"]
pub struct Attempt<'h> {
    cx: Context,
    start_time: SystemTime,
    started: Instant,
    metric: Option<(&'h Histogram<f64>, Vec<KeyValue>)>,
    end: Option<Result<u16, &'static str>>,
}

impl Attempt<'_> {
    /// The context of the span: the one that the request propagates.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// Ends the attempt with the status of the response, or with an `error.type`. To a client 4xx
    /// is an error too (HTTP spans, "Status").
    pub fn end(mut self, end: Result<u16, &'static str>) {
        self.end = Some(end);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        let (status, error): (Option<u16>, Option<Cow<'static, str>>) = match self.end {
            Some(Ok(status)) if status >= 400 => (Some(status), Some(status.to_string().into())),
            Some(Ok(status)) => (Some(status), None),
            Some(Err(error)) => (None, Some(error.into())),
            None => (None, Some("cancelled".into())),
        };
        let span = self.cx.span();
        if error.is_some() {
            span.set_status(Status::error(""));
        }
        let code = |status| KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
        let error = error.map(|error| KeyValue::new(semconv::ERROR_TYPE, error));
        let outcome = || status.map(code).into_iter().chain(error.clone());
        if let Some((duration, mut labels)) = self.metric.take() {
            labels.extend(outcome());
            duration.record(elapsed.as_secs_f64(), &labels);
        }
        span.set_attributes(outcome());
        // Span and metric have the same duration.
        span.end_with_timestamp(self.start_time + elapsed);
    }
}

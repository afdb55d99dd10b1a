//! What client spans and metrics tell of an outgoing request.

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use opentelemetry::metrics::Histogram;
use opentelemetry::trace::{SpanBuilder, SpanKind, SpanRef, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use opentelemetry_semantic_conventions::attribute as semconv;

use super::attributes::{KnownMethods, redact_url};

/// What span and metric both tell of a request: also when it began, so that they tell the same
/// duration.
pub struct Call {
    method: Cow<'static, str>,
    original: Option<String>,
    host: String,
    port: Option<u16>,
    start_time: SystemTime,
    started: Instant,
}

impl Call {
    /// A request that begins now.
    pub fn new(method: &str, known: &KnownMethods, host: &str, port: Option<u16>) -> Self {
        let (method, original) = known.told(method);
        Self {
            method: Cow::Owned(method.to_owned()),
            original: original.map(str::to_owned),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            start_time: SystemTime::now(),
            started: Instant::now(),
        }
    }

    /// The request's span, about to start; `resend` counts the tries before this one.
    pub fn span(&self, url: &str, resend: u32) -> SpanBuilder {
        let name = if self.original.is_some() { "HTTP".into() } else { self.method.clone() };
        SpanBuilder::from_name(name)
            .with_kind(SpanKind::Client)
            .with_start_time(self.start_time)
            .with_attributes(self.attributes(url, resend))
    }

    pub fn labels(&self) -> Vec<KeyValue> {
        let mut labels = vec![
            KeyValue::new(semconv::HTTP_REQUEST_METHOD, self.method.clone()),
            KeyValue::new(semconv::SERVER_ADDRESS, self.host.clone()),
        ];
        labels.extend(self.port.map(|p| KeyValue::new(semconv::SERVER_PORT, i64::from(p))));
        labels
    }

    /// The request under way, in the context of its span.
    pub fn attempt(self, cx: Context, duration: Option<&Histogram<f64>>) -> Attempt<'_> {
        Attempt { call: self, cx, duration, end: None }
    }

    fn attributes(&self, url: &str, resend: u32) -> Vec<KeyValue> {
        let mut attributes = self.labels();
        attributes.push(KeyValue::new(semconv::URL_FULL, redact_url(url)));
        if let Some(original) = &self.original {
            let original = original.clone();
            attributes.push(KeyValue::new(semconv::HTTP_REQUEST_METHOD_ORIGINAL, original));
        }
        if resend > 0 {
            let count = i64::from(resend);
            attributes.push(KeyValue::new(semconv::HTTP_REQUEST_RESEND_COUNT, count));
        }
        attributes
    }
}

/// One attempt at a request. Its drop ends the span and records the duration: so it does also where
/// who waits for the answer gives up half-way.
pub struct Attempt<'a> {
    call: Call,
    cx: Context,
    duration: Option<&'a Histogram<f64>>,
    end: Option<Result<u16, &'static str>>,
}

impl Attempt<'_> {
    /// Ends it with the answer's status, or with an `error.type`.
    pub fn end(mut self, end: Result<u16, &'static str>) {
        self.end = Some(end);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let elapsed = self.call.started.elapsed();
        let outcome = outcome(self.end.unwrap_or(Err("cancelled")));
        if let Some(duration) = self.duration {
            let mut labels = self.call.labels();
            labels.extend_from_slice(&outcome);
            duration.record(elapsed.as_secs_f64(), &labels);
        }
        let span = self.cx.span();
        tell(&span, outcome);
        span.end_with_timestamp(self.call.start_time + elapsed);
    }
}

/// What a call came to, for its span and its metric: `Ok` with the answer's status, or `Err` with
/// an `error.type`. To a client 4xx is an error too.
fn outcome(end: Result<u16, &'static str>) -> Vec<KeyValue> {
    let (status, error): (Option<u16>, Option<Cow<'static, str>>) = match end {
        Ok(status) if status >= 400 => (Some(status), Some(status.to_string().into())),
        Ok(status) => (Some(status), None),
        Err(error) => (None, Some(error.into())),
    };
    let status = status.map(|s| KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(s)));
    let error = error.map(|kind| KeyValue::new(semconv::ERROR_TYPE, kind));
    status.into_iter().chain(error).collect()
}

/// Tells a client span what became of its request.
fn tell(span: &SpanRef<'_>, outcome: Vec<KeyValue>) {
    if outcome.iter().any(|kv| kv.key.as_str() == semconv::ERROR_TYPE) {
        span.set_status(Status::error(""));
    }
    span.set_attributes(outcome);
}

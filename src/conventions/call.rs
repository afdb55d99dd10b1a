//! What client spans and metrics tell of an outgoing request.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanBuilder, SpanKind, SpanRef, Status};
use opentelemetry_semantic_conventions::attribute as semconv;

use super::attributes::{KnownMethods, redact_url};

/// What span and metric both tell of a request.
pub(crate) struct Call {
    method: Cow<'static, str>,
    original: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Call {
    pub(crate) fn new(method: &str, known: &KnownMethods, host: &str, port: Option<u16>) -> Self {
        let (method, original) = known.told(method);
        Self {
            method: Cow::Owned(method.to_owned()),
            original: original.map(str::to_owned),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
        }
    }

    /// The request's span, about to start; `resend` counts the tries before this one.
    pub(crate) fn span(&self, url: &str, resend: u32) -> SpanBuilder {
        let name = if self.original.is_some() { "HTTP".into() } else { self.method.clone() };
        SpanBuilder::from_name(name)
            .with_kind(SpanKind::Client)
            .with_attributes(self.attributes(url, resend))
    }

    pub(crate) fn labels(&self) -> Vec<KeyValue> {
        let mut labels = vec![
            KeyValue::new(semconv::HTTP_REQUEST_METHOD, self.method.clone()),
            KeyValue::new(semconv::SERVER_ADDRESS, self.host.clone()),
        ];
        labels.extend(self.port.map(|p| KeyValue::new(semconv::SERVER_PORT, i64::from(p))));
        labels
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

/// What a call came to, for its span and its metric: `Ok` with the answer's status, or `Err` with
/// an `error.type`. To a client 4xx is an error too.
pub(crate) fn outcome(end: Result<u16, &'static str>) -> Vec<KeyValue> {
    let (status, error): (Option<u16>, Option<Cow<'static, str>>) = match end {
        Ok(status) if status >= 400 => (Some(status), Some(status.to_string().into())),
        Ok(status) => (Some(status), None),
        Err(error) => (None, Some(error.into())),
    };
    let status = status.map(|s| KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(s)));
    let error = error.map(|kind| KeyValue::new(semconv::ERROR_TYPE, kind));
    status.into_iter().chain(error).collect()
}

/// Tells a client span what became of its request. The span goes on.
pub(crate) fn tell(span: &SpanRef<'_>, outcome: Vec<KeyValue>) {
    if outcome.iter().any(|kv| kv.key.as_str() == semconv::ERROR_TYPE) {
        span.set_status(Status::error(""));
    }
    span.set_attributes(outcome);
}

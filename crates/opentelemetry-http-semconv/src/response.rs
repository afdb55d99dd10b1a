//! How a server span is named and ended once there is a response.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanRef, Status};
use opentelemetry_semantic_conventions::attribute as semconv;

/// A route as telemetry names it.
#[derive(Clone, Debug)]
pub struct RouteName {
    /// `http.route`: the template, as in `/users/<id>`.
    pub template: Cow<'static, str>,
    /// The span's name: `{method} {template}`.
    pub span: Cow<'static, str>,
}

impl RouteName {
    pub fn new(method: &str, template: impl Into<Cow<'static, str>>) -> Self {
        let template = template.into();
        Self { span: span_name(method, &template).into(), template }
    }
}

/// `{method} {route}`; `HTTP` stands for a method that is not known.
pub fn span_name(method: &str, template: &str) -> String {
    let method = if method == "_OTHER" { "HTTP" } else { method };
    format!("{method} {template}")
}

/// Why a request counts as failed: `error.type`, and a description where no status code explains it.
pub type Failure = (Cow<'static, str>, &'static str);

/// On a server only 5xx is an error: 4xx is the client's.
pub fn failure(status: u16) -> Option<Failure> {
    (status >= 500).then(|| (Cow::Owned(status.to_string()), ""))
}

/// Tells a server span what became of its request; a `status` of 0 is none. The span goes on.
pub fn tell(span: &SpanRef<'_>, status: u16, route: Option<RouteName>, failure: Option<Failure>) {
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
    // Every answer has one: by hand it takes a tenth of what formatting does.
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    hex(&mut text[3..35], &span.trace_id().to_bytes());
    hex(&mut text[36..52], &span.span_id().to_bytes());
    hex(&mut text[53..], &[span.trace_flags().to_u8()]);
    // Digits and dashes are UTF-8.
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

fn hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    #[test]
    fn a_traceresponse_tells_ids_and_flags_in_hex() {
        let (trace, span) = (TraceId::from(0x0af7_6519_16cd), SpanId::from(0xb7ad));
        let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE);
        let expected = "00-000000000000000000000af7651916cd-000000000000b7ad-01";
        assert_eq!(traceresponse(&context), expected);
    }
}

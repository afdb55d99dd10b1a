//! Reads the traces of Jaeger's query API: OTLP JSON, within a `result`.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reply {
    result: Option<Box<Reply>>,
    resource_spans: Vec<ResourceSpans>,
}

/// The spans of a reply, in the order of their start.
///
/// # Errors
/// If the reply is not OTLP JSON.
pub(super) fn parse(reply: &str) -> serde_json::Result<Vec<Span>> {
    let reply: Reply = serde_json::from_str(reply)?;
    let data = reply.result.map_or(reply.resource_spans, |result| result.resource_spans);
    let scopes = data.into_iter().flat_map(|resource| resource.scope_spans);
    let mut spans: Vec<_> = scopes.flat_map(|scope| scope.spans).collect();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    Ok(spans)
}

/// The value of an attribute.
pub(super) fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()
}

/// A value as text. Strings are in quotes, so that `"3"` differs from `3`.
pub(super) fn display(value: &Value) -> String {
    match value {
        Value::StringValue(text) => format!("{text:?}"),
        Value::IntValue(int) => int.to_string(),
        Value::BoolValue(bool) => bool.to_string(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{Status, span::SpanKind, status::StatusCode};
    use serde_json::{Value as Json, json};

    use super::*;

    /// Parses within a `result` and without.
    fn spans(spans: &Json) -> Vec<Span> {
        let bare = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
        let parsed = parse(&bare.to_string()).expect("OTLP");
        assert_eq!(parse(&json!({"result": bare}).to_string()).expect("OTLP"), parsed);
        parsed
    }

    #[test]
    fn a_reply_of_jaeger_is_read() {
        // From Jaeger 2.13, shortened.
        let reply = r#"{"result":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"rocket-demo-app"}}]},"scopeSpans":[{"scope":{"name":"rocket_opentelemetry","version":"0.1.0"},"spans":[{"traceId":"04af5ff4d68cb9e29474f4f739fb16e7","spanId":"dbc0eedf07b4cfa2","parentSpanId":"486455e7195dc7ff","flags":769,"name":"GET /api/error","kind":2,"startTimeUnixNano":"1795655418472752311","endTimeUnixNano":"1795655418473226396","attributes":[{"key":"@jaeger@warnings","value":{"arrayValue":{"values":[{"stringValue":"parent span is not in the trace"}]}}},{"key":"error","value":{"boolValue":true}},{"key":"http.response.status_code","value":{"intValue":"500"}},{"key":"http.route","value":{"stringValue":"/api/error"}}],"events":[{"timeUnixNano":"1795655418472918989","name":"exception","attributes":[{"key":"exception.type","value":{"stringValue":"SimulatedError"}}]}],"status":{"message":"Simulated error for tracing","code":2}}]}]}]}}"#;
        let span = parse(reply).expect("OTLP").remove(0);
        assert_eq!((&*span.name, span.kind()), ("GET /api/error", SpanKind::Server));
        assert_eq!(span.parent_span_id, 0x4864_55e7_195d_c7ff_u64.to_be_bytes());
        let attribute = |key| attribute(&span.attributes, key).map(display);
        assert_eq!(attribute("http.response.status_code").as_deref(), Some("500"));
        assert_eq!(attribute("http.route").as_deref(), Some("\"/api/error\""));
        assert_eq!(attribute("error").as_deref(), Some("true"));
        assert_eq!(span.events[0].name, "exception");
        assert_eq!(span.status.as_ref().map(Status::code), Some(StatusCode::Error));
    }

    #[test]
    fn omitted_fields_have_their_defaults() {
        let span = spans(&json!([{"spanId": "01", "name": "x", "status": {}}])).remove(0);
        assert_eq!((span.kind(), span.parent_span_id.len()), (SpanKind::Unspecified, 0));
        assert_eq!(span.status.expect("a status").code(), StatusCode::Unset);
    }

    #[test]
    fn integers_are_numbers_or_strings_and_differ_from_texts() {
        let span = spans(&json!([{"spanId": "01", "attributes": [
            {"key": "number", "value": {"intValue": 3}},
            {"key": "string", "value": {"intValue": "3"}},
            {"key": "text", "value": {"stringValue": "3"}},
            {"key": "flag", "value": {"boolValue": true}},
            {"key": "half", "value": {"doubleValue": 0.5}},
        ]}]))
        .remove(0);
        let shown = |key| attribute(&span.attributes, key).map(display).expect("an attribute");
        let all = ["number", "string", "text", "flag", "half"].map(shown);
        assert_eq!(all, ["3", "3", r#""3""#, "true", "DoubleValue(0.5)"]);
    }

    #[test]
    fn spans_are_in_the_order_of_their_start() {
        let spans = spans(&json!([
            {"spanId": "01", "name": "late", "startTimeUnixNano": "1763847600000000002"},
            {"spanId": "02", "name": "early", "startTimeUnixNano": 1_763_847_600_000_000_001_i64},
        ]));
        assert_eq!(spans.iter().map(|span| &span.name).collect::<Vec<_>>(), ["early", "late"]);
    }

    #[test]
    fn a_reply_that_is_no_trace_is_an_error() {
        assert!(parse("<html>").is_err());
        assert!(parse(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":1}]}]}]}"#).is_err());
        assert_eq!(parse("{}").expect("an empty trace").len(), 0);
    }
}

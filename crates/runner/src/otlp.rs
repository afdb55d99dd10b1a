//! A trace as Jaeger's query API gives it: OTLP JSON, in a `result` or bare.
//!
//! Protobuf's JSON mapping lets writers choose: 64-bit integers are strings or numbers, enums are
//! numbers or names. Jaeger's choices have changed between releases, so all of them are read.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value as Json;

use super::expected::Kind;

/// The spans in `reply`, in the order they started.
///
/// # Errors
/// When the text is not JSON, or a span in it is not as OTLP has it.
pub(super) fn parse(reply: &str) -> serde_json::Result<Vec<Span>> {
    let mut reply: Json = serde_json::from_str(reply)?;
    let data = match reply.get_mut("result") {
        Some(result) => result.take(),
        None => reply,
    };
    let data: TracesData = serde_json::from_value(data)?;
    let scopes = data.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let mut spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
    spans.sort_by_key(|span| span.start);
    Ok(spans)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TracesData {
    #[serde(default)]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    #[serde(default)]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
struct ScopeSpans {
    #[serde(default)]
    spans: Vec<Span>,
}

/// A span that was recorded, as far as the runner looks at it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Span {
    #[serde(rename = "spanId")]
    pub(super) id: String,
    /// Empty for a root.
    #[serde(default, rename = "parentSpanId")]
    pub(super) parent_id: String,
    pub(super) name: String,
    #[serde(default, deserialize_with = "kind")]
    pub(super) kind: Option<Kind>,
    /// Nanoseconds since 1970.
    #[serde(rename = "startTimeUnixNano", deserialize_with = "integer")]
    pub(super) start: i64,
    #[serde(default)]
    pub(super) status: Status,
    #[serde(default, deserialize_with = "attributes")]
    pub(super) attributes: Attributes,
    #[serde(default)]
    pub(super) events: Vec<Event>,
}

/// Whether a span failed.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Status {
    #[serde(default, rename = "code", deserialize_with = "is_error")]
    pub(super) failed: bool,
}

/// Something that happened during a span.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    pub(super) name: String,
    #[serde(default, deserialize_with = "attributes")]
    pub(super) attributes: Attributes,
}

pub(super) type Attributes = BTreeMap<String, Value>;

/// An attribute's value; of the types that the runner expects nowhere, the JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Bool(bool),
    Other(Json),
}

impl fmt::Display for Value {
    /// With quotes around texts, so that `"3"` and `3` can be told apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Other(json) => write!(f, "{json}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
}

fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(number) => Ok(number),
        NumberOrText::Text(text) => text.parse().map_err(D::Error::custom),
    }
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kind>, D::Error> {
    Ok(match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(1) => Some(Kind::Internal),
        NumberOrText::Number(2) => Some(Kind::Server),
        NumberOrText::Number(3) => Some(Kind::Client),
        NumberOrText::Number(_) => None,
        NumberOrText::Text(name) => match name.as_str() {
            "SPAN_KIND_INTERNAL" => Some(Kind::Internal),
            "SPAN_KIND_SERVER" => Some(Kind::Server),
            "SPAN_KIND_CLIENT" => Some(Kind::Client),
            _ => None,
        },
    })
}

fn is_error<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(code) => code == 2,
        NumberOrText::Text(name) => name == "STATUS_CODE_ERROR",
    })
}

fn attributes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Attributes, D::Error> {
    #[derive(Deserialize)]
    struct KeyValue {
        key: String,
        #[serde(default)]
        value: Json,
    }
    let list = Vec::<KeyValue>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|pair| (pair.key, value(pair.value))).collect())
}

/// Reads `{"stringValue":"..."}`, `{"intValue":"3"}`, `{"intValue":3}` and `{"boolValue":true}`.
fn value(any: Json) -> Value {
    let int = |json: &Json| json.as_i64().or_else(|| json.as_str()?.parse().ok());
    let known = None
        .or_else(|| Some(Value::Text(any.get("stringValue")?.as_str()?.to_owned())))
        .or_else(|| Some(Value::Int(int(any.get("intValue")?)?)))
        .or_else(|| Some(Value::Bool(any.get("boolValue")?.as_bool()?)));
    known.unwrap_or(Value::Other(any))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn span(overrides: Json) -> Json {
        let mut span = json!({"spanId": "01", "name": "x", "startTimeUnixNano": "10"});
        if let (Json::Object(span), Json::Object(overrides)) = (&mut span, overrides) {
            span.extend(overrides);
        }
        span
    }

    fn spans(spans: &Json) -> Vec<Span> {
        let bare = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
        let wrapped = json!({"result": bare.clone()});
        let parsed = parse(&bare.to_string()).expect("OTLP");
        let unwrapped = parse(&wrapped.to_string()).expect("OTLP");
        assert_eq!(format!("{parsed:?}"), format!("{unwrapped:?}"));
        parsed
    }

    #[test]
    fn numbers_and_names_of_enums_mean_the_same() {
        for (kind, code) in
            [(json!(2), json!(2)), (json!("SPAN_KIND_SERVER"), json!("STATUS_CODE_ERROR"))]
        {
            let spans = spans(&json!([span(json!({"kind": kind, "status": {"code": code}}))]));
            assert_eq!(spans[0].kind, Some(Kind::Server));
            assert!(spans[0].status.failed);
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let spans = spans(&json!([span(json!({"status": {}}))]));
        assert_eq!(spans[0].kind, None);
        assert_eq!(spans[0].parent_id, "");
        assert!(!spans[0].status.failed);
    }

    #[test]
    fn integers_are_read_from_numbers_and_texts_and_differ_from_texts() {
        let spans = spans(&json!([span(json!({"attributes": [
            {"key": "number", "value": {"intValue": 3}},
            {"key": "string", "value": {"intValue": "3"}},
            {"key": "text", "value": {"stringValue": "3"}},
            {"key": "flag", "value": {"boolValue": true}},
            {"key": "half", "value": {"doubleValue": 0.5}},
        ]}))]));
        let shown: Vec<_> =
            spans[0].attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            shown,
            ["flag=true", r#"half={"doubleValue":0.5}"#, "number=3", "string=3", r#"text="3""#]
        );
    }

    #[test]
    fn spans_come_in_the_order_they_started() {
        let spans = spans(&json!([
            span(json!({"name": "late", "startTimeUnixNano": "1763847600000000002"})),
            span(json!({"name": "early", "startTimeUnixNano": 1_763_847_600_000_000_001_i64})),
        ]));
        assert_eq!(spans.iter().map(|span| &span.name).collect::<Vec<_>>(), ["early", "late"]);
    }

    #[test]
    fn an_answer_that_is_no_trace_is_an_error() {
        assert!(parse("<html>").is_err());
        assert!(parse(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":1}]}]}]}"#).is_err());
        assert_eq!(parse("{}").expect("an empty trace").len(), 0);
    }
}

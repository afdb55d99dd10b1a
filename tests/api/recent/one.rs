//! `GET /api/traces/<id>`: one trace as OTLP JSON.

use rocket_otel_demo::app::Settings;
use serde_json::Value;

use crate::support::{Demo, PARENT_ID, SpanDataExt, TRACE_ID, TRACEPARENT};

fn attribute<'a>(attributes: &'a Value, key: &str) -> &'a Value {
    let found = attributes.as_array().expect("a list").iter().find(|kv| kv["key"] == key);
    &found.unwrap_or_else(|| panic!("no {key} in {attributes}"))["value"]
}

/// OTLP JSON has 64-bit integers as strings, and allows numbers.
fn int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn is_hex(value: &Value, length: usize) -> bool {
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    value.as_str().is_some_and(|text| text.len() == length && hex(text))
}

/// A trace as the server shows it.
async fn shown(demo: &Demo, trace: &str) -> Value {
    let answer = demo.get(&format!("/api/traces/{trace}")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.is_json());
    answer.json()
}

#[tokio::test]
async fn a_trace_is_otlp_json_with_resource_scope_and_spans() {
    let variables = [("OTEL_SERVICE_NAME", "shop"), ("OTEL_RESOURCE_ATTRIBUTES", "team=a%2Cb")];
    let demo = Demo::with(&variables, Settings::default()).await;
    let [trace, ..] = demo.get_with("/api/users", &[("traceparent", TRACEPARENT)]).await.trace();
    let json = shown(&demo, &trace).await;

    let [resource_spans] = json["resourceSpans"].as_array().unwrap().as_slice() else {
        panic!("not one resource: {json}");
    };
    let resource = &resource_spans["resource"]["attributes"];
    for (key, value) in [
        ("service.name", "shop"),
        ("service.version", "1.0.0"),
        ("team", "a,b"),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(attribute(resource, key)["stringValue"], value, "{key}");
    }

    let scope_spans = resource_spans["scopeSpans"].as_array().unwrap();
    let mut scopes: Vec<_> = scope_spans
        .iter()
        .map(|scope| ["name", "version"].map(|key| scope["scope"][key].as_str().unwrap()))
        .collect();
    scopes.sort_unstable();
    let expected = [["rocket_opentelemetry", "0.1.0"], ["rocket_otel_demo::handlers", "1.0.0"]];
    assert_eq!(scopes, expected);
    let spans = scope_spans.iter().flat_map(|scope| scope["spans"].as_array().unwrap());
    let spans: Vec<_> = spans.collect();
    assert_eq!(spans.len(), 2);
    for span in &spans {
        assert_eq!(span["traceId"], trace.as_str());
        assert!(is_hex(&span["traceId"], 32) && is_hex(&span["spanId"], 16));
        assert!(is_hex(&span["parentSpanId"], 16), "{span}");
        let times = [&span["startTimeUnixNano"], &span["endTimeUnixNano"]].map(|t| int(t).unwrap());
        assert!(times[0] > 1_600_000_000_000_000_000 && times[1] > times[0]);
    }

    let find = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    let (server, query) = (find("GET /api/users"), find("fetch_users"));
    assert_eq!(query["parentSpanId"], server["spanId"]);
    assert_eq!(server["parentSpanId"], PARENT_ID);
    assert_eq!((int(&server["kind"]), int(&query["kind"])), (Some(2), Some(1)));
    let status = attribute(&server["attributes"], "http.response.status_code");
    assert_eq!(int(&status["intValue"]), Some(200));
    assert_eq!(int(&attribute(&query["attributes"], "result.count")["intValue"]), Some(3));
}

#[tokio::test]
async fn an_error_has_its_status_its_event_and_typed_values_and_times_are_exact() {
    let demo = Demo::start().await;
    let [trace, ..] = demo.get("/api/error").await.trace();
    let json = shown(&demo, &trace).await;
    let shown = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(int(&shown["status"]["code"]), Some(2));
    assert_eq!(shown["status"]["message"], "Simulated error for tracing");
    assert_eq!(attribute(&shown["attributes"], "error")["boolValue"], true);
    let event = &shown["events"][0];
    assert_eq!(event["name"], "exception");
    assert!(int(&event["timeUnixNano"]).is_some_and(|time| time > 0));
    let kind = attribute(&event["attributes"], "exception.type");
    assert_eq!(kind["stringValue"], "SimulatedError");

    let span = demo.spans.only();
    assert_eq!(shown["spanId"], span.id().to_string());
    let taken = int(&shown["endTimeUnixNano"]).unwrap() - int(&shown["startTimeUnixNano"]).unwrap();
    assert_eq!(u128::try_from(taken).unwrap(), span.duration().as_nanos(), "in nanoseconds");
}

#[tokio::test]
async fn an_id_is_32_hexadecimal_digits_in_any_case_or_422_and_an_unknown_one_is_404() {
    const MALFORMED: &str = r#"{"error":"invalid trace id: expected 32 hexadecimal digits"}"#;
    const UNKNOWN: &str = r#"{"error":"no recent trace has this id"}"#;
    let demo = Demo::start().await;
    for (id, status, body) in [
        ("1", 422, MALFORMED),
        ("xyz", 422, MALFORMED),
        ("0af7651916cd43dd8448eb211c80319", 422, MALFORMED),
        ("0af7651916cd43dd8448eb211c80319g", 422, MALFORMED),
        ("+af7651916cd43dd8448eb211c80319c", 422, MALFORMED),
        ("%30af7651916cd43dd8448eb211c8031", 422, MALFORMED),
        ("000000000000000000000000000000000", 422, MALFORMED),
        ("00000000000000000000000000000000", 404, UNKNOWN),
        (TRACE_ID, 404, UNKNOWN),
    ] {
        let answer = demo.get(&format!("/api/traces/{id}")).await;
        assert_eq!((answer.status, answer.text()), (status, body), "{id}");
    }
    let [trace, ..] = demo.get("/health").await.trace();
    let answer = demo.get(&format!("/api/traces/{}", trace.to_ascii_uppercase())).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn values_are_cut_to_the_limit() {
    let limit = [("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7")];
    let demo = Demo::with(&limit, Settings::default()).await;
    demo.get_with("/health", &[("User-Agent", "ünïcödé is longer")]).await;
    let recent = demo.recent().expect("enabled").newest_first();
    let span = recent[0].spans[0].as_ref();
    assert_eq!(span.text("user_agent.original"), Some("ünïcödé"));
    assert_eq!(span.text("url.path"), Some("/health"));
}

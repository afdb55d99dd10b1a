//! `GET /api/traces/<id>`: one trace as OTLP JSON.

use serde_json::Value;

use crate::support::{Demo, SpanDataExt, TRACEPARENT};

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

#[tokio::test]
async fn a_trace_is_otlp_json_with_resource_scope_and_spans() {
    let demo = Demo::start().await;
    let [trace, ..] = demo.get_with("/api/users", &[("traceparent", TRACEPARENT)]).await.trace();
    let answer = demo.get(&format!("/api/traces/{trace}")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.is_json());
    let json = answer.json();

    let [resource_spans] = json["resourceSpans"].as_array().unwrap().as_slice() else {
        panic!("not one resource: {json}");
    };
    let resource = &resource_spans["resource"]["attributes"];
    assert_eq!(attribute(resource, "service.name")["stringValue"], "rocket-demo-app");
    assert_eq!(attribute(resource, "service.version")["stringValue"], "1.0.0");
    assert_eq!(attribute(resource, "telemetry.sdk.language")["stringValue"], "rust");

    let mut scopes: Vec<_> = resource_spans["scopeSpans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| ["name", "version"].map(|key| scope["scope"][key].as_str().unwrap()))
        .collect();
    scopes.sort_unstable();
    let expected = [["rocket_opentelemetry", "0.1.0"], ["rocket_otel_demo::handlers", "1.0.0"]];
    assert_eq!(scopes, expected);
    let spans: Vec<_> = resource_spans["scopeSpans"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|scope| scope["spans"].as_array().unwrap())
        .collect();
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
    assert_eq!(server["parentSpanId"], "b7ad6b7169203331");
    assert_eq!((int(&server["kind"]), int(&query["kind"])), (Some(2), Some(1)));
    let status = attribute(&server["attributes"], "http.response.status_code");
    assert_eq!(int(&status["intValue"]), Some(200));
    assert_eq!(int(&attribute(&query["attributes"], "result.count")["intValue"]), Some(3));
}

#[tokio::test]
async fn an_error_has_its_status_its_event_and_typed_values() {
    let demo = Demo::start().await;
    let [trace, ..] = demo.get("/api/error").await.trace();
    let json = demo.get(&format!("/api/traces/{trace}")).await.json();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(int(&span["status"]["code"]), Some(2));
    assert_eq!(span["status"]["message"], "Simulated error for tracing");
    assert_eq!(attribute(&span["attributes"], "error")["boolValue"], true);
    let event = &span["events"][0];
    assert_eq!(event["name"], "exception");
    assert!(int(&event["timeUnixNano"]).is_some_and(|time| time > 0));
    let kind = attribute(&event["attributes"], "exception.type");
    assert_eq!(kind["stringValue"], "SimulatedError");
}

#[tokio::test]
async fn times_are_exact_to_the_nanosecond() {
    let demo = Demo::start().await;
    let [trace, ..] = demo.get("/health").await.trace();
    let json = demo.get(&format!("/api/traces/{trace}")).await.json();
    let shown = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    let span = demo.spans.only();
    let taken = int(&shown["endTimeUnixNano"]).unwrap() - int(&shown["startTimeUnixNano"]).unwrap();
    assert_eq!(u128::try_from(taken).unwrap(), span.duration().as_nanos());
    assert_eq!(shown["spanId"], span.id().to_string());
}

#[tokio::test]
async fn a_malformed_id_is_422() {
    let demo = Demo::start().await;
    let long = "0".repeat(33);
    for id in [
        "1",
        "xyz",
        "0af7651916cd43dd8448eb211c80319",
        "0af7651916cd43dd8448eb211c80319g",
        "+af7651916cd43dd8448eb211c80319c",
        "%30af7651916cd43dd8448eb211c8031",
        &long,
    ] {
        let answer = demo.get(&format!("/api/traces/{id}")).await;
        let expected = r#"{"error":"invalid trace id: expected 32 hexadecimal digits"}"#;
        assert_eq!((answer.status, answer.text()), (422, expected), "{id}");
    }
}

#[tokio::test]
async fn an_unknown_id_is_404() {
    let demo = Demo::start().await;
    for id in ["0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"] {
        let answer = demo.get(&format!("/api/traces/{id}")).await;
        let expected = r#"{"error":"no recent trace has this id"}"#;
        assert_eq!((answer.status, answer.text()), (404, expected), "{id}");
    }
}

#[tokio::test]
async fn an_id_may_be_upper_case() {
    let demo = Demo::start().await;
    let [trace, ..] = demo.get("/health").await.trace();
    let answer = demo.get(&format!("/api/traces/{}", trace.to_ascii_uppercase())).await;
    assert_eq!(answer.status, 200);
}

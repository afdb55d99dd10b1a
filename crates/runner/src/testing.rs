//! For tests: traces made from the plan, and a server that stands in for the application and for Jaeger.

use std::collections::HashMap;
use std::sync::Mutex;

use opentelemetry::{SpanId, TraceId};
use reqwest::Client;
use serde_json::{Value as Json, json};
use url::Position;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Respond, ResponseTemplate};

use super::expected::{Attribute, Body, EXCEPTION, Expected, Request, Span};
use super::functional::Outcome;
use super::plan;

/// The spans of `planned` in OTLP JSON, with ids and start times that count up from 1.
pub(super) fn recorded(planned: &Span, caller: &str) -> Vec<Json> {
    let mut spans = Vec::new();
    record(planned, caller, &mut spans);
    spans
}

fn record(planned: &Span, parent: &str, spans: &mut Vec<Json>) {
    let number = spans.len() + 1;
    let id = format!("{number:016x}");
    let (name, exception) = EXCEPTION;
    let events =
        planned.failed.then(|| json!({"name": name, "attributes": attributes(&exception)}));
    spans.push(json!({
        "spanId": id,
        "parentSpanId": parent,
        "name": planned.name,
        "kind": planned.kind as i32,
        "startTimeUnixNano": number.to_string(),
        "status": if planned.failed { json!({"code": 2}) } else { json!({}) },
        "attributes": attributes(&planned.all_attributes()),
        "events": Vec::from_iter(events),
    }));
    for child in planned.children {
        record(child, &id, spans);
    }
}

fn attributes(planned: &[Attribute]) -> Vec<Json> {
    let value = |expected: &Expected| match expected {
        Expected::Text(text) => json!({"stringValue": text}),
        Expected::Int(int) => json!({"intValue": int}),
        Expected::Bool(bool) => json!({"boolValue": bool}),
        Expected::SomeText => json!({"stringValue": "some"}),
        Expected::SomeInt => json!({"intValue": "7"}),
    };
    planned.iter().map(|(key, expected)| json!({"key": key, "value": value(expected)})).collect()
}

/// The reply of Jaeger with these spans.
pub(super) fn reply(spans: &[Json]) -> String {
    json!({"result": {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}}).to_string()
}

/// Answers every request with `response`, until the server is dropped.
pub(super) async fn serve(response: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    server
}

/// As the program does before it runs a command.
pub(super) fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(super) fn client() -> Client {
    install_tls_provider();
    Client::builder().tls_certs_only([]).no_proxy().build().expect("a client")
}

pub(super) fn outcome(
    planned: &'static Request,
    status: u16,
    detail: Option<&str>,
    problems: &[&str],
) -> Outcome {
    Outcome {
        planned,
        request: "GET /".to_owned(),
        trace_id: TraceId::from(1),
        span_id: SpanId::from(2),
        status: Some(status),
        detail: detail.map(ToOwned::to_owned),
        latency_ms: 1.0,
        problems: problems.iter().map(ToString::to_string).collect(),
    }
}

/// An application and its Jaeger. The application responds as planned; Jaeger has the whole trace from the second
/// query on, as with a batch processor.
#[derive(Default)]
pub(super) struct Fake {
    /// By trace id: the request's target, the caller's span id, and the number of queries.
    traces: Mutex<HashMap<String, (String, String, u32)>>,
}

impl Respond for Fake {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let target = &request.url[Position::BeforePath..];
        let mut traces = self.traces.lock().expect("not poisoned");
        if let Some(id) = target.strip_prefix("/api/v3/traces/") {
            let Some((target, caller, queries)) = traces.get_mut(id) else {
                return ResponseTemplate::new(404);
            };
            *queries += 1;
            let spans = recorded(&planned(target).expect("recorded").trace, caller);
            let spans = if *queries == 1 { &spans[1..] } else { &spans };
            return ResponseTemplate::new(200).set_body_string(reply(spans));
        }
        let Some(request_plan) = planned(target) else { return ResponseTemplate::new(404) };
        let response = ResponseTemplate::new(request_plan.status);
        // The load has no trace context.
        let Some(parent) = request.headers.get("traceparent") else { return response };
        let parts: Vec<_> = parent.to_str().expect("ASCII").split('-').collect();
        let ["00", trace_id, span_id, "01"] = parts[..] else { panic!("{parent:?}") };
        assert_eq!((trace_id.len(), span_id.len()), (32, 16), "{parent:?}");
        traces.insert(trace_id.to_owned(), (target.to_owned(), span_id.to_owned(), 0));
        response
            .insert_header("traceresponse", format!("00-{trace_id}-0000000000000001-01"))
            .set_body_string(body(request_plan.body, trace_id))
    }
}

fn planned(target: &str) -> Option<&'static Request> {
    [&plan::HEALTH].into_iter().chain(plan::FUNCTIONAL).find(|request| request.target == target)
}

fn body(planned: Body, trace_id: &str) -> String {
    match planned {
        Body::Json(text) => text.to_owned(),
        Body::Users(count) => {
            json!(vec![json!({"id": 1, "name": "A", "email": "a@example.org"}); count]).to_string()
        }
        Body::Duration => json!({"status": "success", "duration_ms": 456.234}).to_string(),
        Body::Hops(count) => {
            json!({"hops": vec![json!({"service": "fake", "trace_id": trace_id}); count + 1]})
                .to_string()
        }
    }
}

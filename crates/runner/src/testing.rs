//! For tests: traces made from the plan, and small servers on loopback to stand in for the
//! application and Jaeger.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value as Json, json};

use super::{
    base_url::BaseUrl,
    expected::{Attribute, Body, Expected, Request, Span},
    plan,
};

/// The spans of `planned` in OTLP JSON, ids and start times counting up from 1, as if all had gone
/// as planned.
pub(super) fn recorded(planned: &Span, caller: &str) -> Vec<Json> {
    let mut spans = Vec::new();
    record(planned, caller, &mut spans);
    spans
}

fn record(planned: &Span, parent: &str, spans: &mut Vec<Json>) {
    let number = spans.len() + 1;
    let id = format!("{number:016x}");
    let events = planned.events.iter();
    let events =
        events.map(|event| json!({"name": event.name, "attributes": attributes(event.attributes)}));
    spans.push(json!({
        "spanId": id,
        "parentSpanId": parent,
        "name": planned.name,
        "kind": planned.kind as u8 + 1,
        "startTimeUnixNano": number.to_string(),
        "status": if planned.failed { json!({"code": 2}) } else { json!({}) },
        "attributes": attributes(planned.kind.attributes().iter().chain(planned.attributes)),
        "events": events.collect::<Vec<_>>(),
    }));
    for child in planned.children {
        record(child, &id, spans);
    }
}

fn attributes<'a>(planned: impl IntoIterator<Item = &'a Attribute>) -> Vec<Json> {
    let value = |expected: &Expected| match expected {
        Expected::Text(text) => json!({"stringValue": text}),
        Expected::Int(int) => json!({"intValue": int}),
        Expected::Bool(bool) => json!({"boolValue": bool}),
        Expected::SomeText => json!({"stringValue": "some"}),
        Expected::SomeInt => json!({"intValue": "7"}),
    };
    planned
        .into_iter()
        .map(|(key, expected)| json!({"key": key, "value": value(expected)}))
        .collect()
}

/// As Jaeger wraps them.
pub(super) fn reply(spans: &[Json]) -> String {
    json!({"result": {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}}).to_string()
}

/// A request as [`serve`] hands it on.
pub(super) struct Asked {
    pub(super) target: String,
    /// Trace id and span id.
    pub(super) traceparent: Option<(String, String)>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) traceresponse: Option<String>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, traceresponse: None, body: body.into() }
    }
}

/// Serves `answer` from a thread of its own until the process ends.
pub(super) fn serve(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> BaseUrl {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || respond(stream, &*answer));
        }
    });
    url.parse().expect("a valid URL")
}

fn respond(mut stream: TcpStream, answer: &dyn Fn(&Asked) -> Answer) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let Some(target) = lines.next().and_then(|line| Some(line.split(' ').nth(1)?.to_owned()))
    else {
        return;
    };
    let headers: HashMap<_, _> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        })
        .collect();
    let traceparent = headers.get("traceparent").map(|value| {
        let parts: Vec<_> = value.split('-').collect();
        assert!(
            matches!(parts[..], ["00", trace, span, "01"] if trace.len() == 32 && span.len() == 16),
            "{value}"
        );
        (parts[1].to_owned(), parts[2].to_owned())
    });
    let Answer { status, traceresponse, body } = answer(&Asked { target, traceparent });
    let traceresponse =
        traceresponse.map_or(String::new(), |value| format!("traceresponse: {value}\r\n"));
    let length = body.len();
    // The client may have hung up; its test says so.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Fake\r\n{traceresponse}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

/// An application and its Jaeger: it answers as planned, and `/api/v3/traces/...` has the trace
/// from the second time on.
#[derive(Default)]
pub(super) struct Fake {
    /// By trace id: the request's target, the caller's span id, and how often the trace was asked
    /// for.
    traces: Mutex<HashMap<String, (String, String, u32)>>,
}

impl Fake {
    pub(super) fn answer(&self, asked: &Asked) -> Answer {
        let mut traces = self.traces.lock().expect("no test panics with it");
        if let Some(id) = asked.target.strip_prefix("/api/v3/traces/") {
            let Some((target, caller, times)) = traces.get_mut(id) else {
                return Answer::new(404, r#"{"error":"trace not found"}"#);
            };
            *times += 1;
            let spans = recorded(&planned(target).expect("recorded").trace, caller);
            // At first only some of them, as it happens with a batch processor.
            return Answer::new(200, reply(if *times == 1 { &spans[1..] } else { &spans }));
        }
        let Some(request) = planned(&asked.target) else {
            return Answer::new(404, "{}");
        };
        let Some((trace_id, span_id)) = asked.traceparent.clone() else {
            return Answer::new(request.status, "{}");
        };
        let traceresponse = Some(format!("00-{trace_id}-0000000000000001-01"));
        let body = body(request.body, &trace_id);
        traces.insert(trace_id, (asked.target.clone(), span_id, 0));
        Answer { traceresponse, ..Answer::new(request.status, body) }
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

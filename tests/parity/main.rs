//! One table of cases, two servers: Rocket, and the handlers as a WebAssembly component.
//!
//! `cargo test` runs the table against the server. If `COMPONENT_WASM` names a built component and
//! `COMPONENT_HOST` a WASI host (`jco`, or a `wasmtime`, of which only `serve` is used), the same
//! table runs against the component, and so does a load test with a dead and a hanging collector.
//! `COMPONENT_PAGES=1` says that the component has pages; without it, cases with pages are skipped
//! and counted.
//!
//! `cases` and `pages` are the table, `servers` starts the servers, `spans` makes received spans
//! comparable, `collector` is the load test.

#![allow(
    clippy::expect_used,
    clippy::format_push_string,
    reason = "a failing test may panic, and its messages need not be fast"
)]

mod cases;
mod collector;
mod pages;
mod servers;
mod spans;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use cases::{Case, SETTINGS, Setting};
use otlp_receiver::{Receiver, Signal};
use pages::PAGES;
use servers::{Kind, Server};
use support::http::{Answer, ask};
use support::poll;

/// The headers of every answer, in addition to those of its case.
const ALWAYS: [(&str, &str); 2] =
    [("x-content-type-options", "nosniff"), ("x-frame-options", "SAMEORIGIN")];

/// Time limit for the spans of a request to arrive. The server exports every 50 ms.
const ARRIVAL: Duration = Duration::from_secs(20);

#[test]
fn the_server_passes_the_table() {
    run_table(&Kind::Native);
}

#[test]
fn the_component_passes_the_table() {
    match Kind::component() {
        Some(kind) => run_table(&kind),
        None => println!("skipped: COMPONENT_WASM and COMPONENT_HOST name no component"),
    }
}

fn run_table(kind: &Kind) {
    let behind = Server::start(
        &Kind::Native,
        &[("OTEL_SDK_DISABLED", "true"), ("OTEL_SERVICE_NAME", "behind")],
    );
    let mut failures = Vec::new();
    let mut count = 0;
    for setting in SETTINGS.iter().chain([&PAGES]) {
        if setting.has_pages && !kind.has_pages() {
            println!("{kind:?} has no pages: {} cases skipped", setting.cases.len());
            continue;
        }
        let receiver = Receiver::start();
        let server = start(kind, setting, &receiver, &behind);
        for case in setting.cases {
            count += 1;
            let place = Place { kind, server: &server, receiver: &receiver, behind: &behind };
            if let Err(problem) = check(case, &place) {
                failures.push(format!("{}, {}: {problem}", setting.name, case.name));
            }
        }
        failures.extend(afterwards(setting, &server, &receiver));
    }
    assert!(
        failures.is_empty(),
        "{kind:?}: {} of {count} failed\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("{kind:?}: {count} cases passed");
}

fn start(kind: &Kind, setting: &Setting, receiver: &Receiver, behind: &Server) -> Server {
    let (endpoint, downstream) = (receiver.endpoint(), behind.url());
    let mut variables = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("DOWNSTREAM_URL", downstream.as_str()),
        ("DEMO_TEST_RANDOM", "41"),
        ("DEMO_TEST_CLOCK", "simulated"),
    ];
    variables.retain(|(name, _)| setting.env.iter().all(|(other, _)| other != name));
    let env: Vec<_> =
        setting.env.iter().map(|(n, v)| (*n, v.replace("{collector}", &endpoint))).collect();
    variables.extend(env.iter().map(|(name, value)| (*name, value.as_str())));
    Server::start(kind, &variables)
}

/// The servers of a case.
struct Place<'a> {
    kind: &'a Kind,
    server: &'a Server,
    receiver: &'a Receiver,
    behind: &'a Server,
}

impl Place<'_> {
    /// Fills in the port, which differs from run to run, and what differs between the two servers.
    fn filled(&self, text: &str) -> String {
        pages::fill(text, self.kind).replace("{behind}", &self.behind.port().to_string())
    }
}

fn check(case: &Case, place: &Place<'_>) -> Result<(), String> {
    let request = place.filled(case.request);
    let answer = ask(place.server.address(), &request, case.sent).map_err(|e| e.to_string())?;
    equal("status", &answer.status, &case.status)?;
    let body = place.filled(case.body);
    let head = case.request.starts_with("HEAD ");
    equal("body", &answer.body.as_str(), &if head { "" } else { &body })?;
    let content_type = [("content-type", case.content_type)];
    for (name, value) in ALWAYS.iter().chain(case.headers).chain(&content_type) {
        equal(name, &answer.header(name), &Some(*value))?;
    }
    equal("content-length", &answer.header("content-length"), &Some(&*body.len().to_string()))?;
    equal("vary", &answer.header("vary"), &case.vary)?;
    check_spans(case, place, &answer)
}

fn check_spans(case: &Case, place: &Place<'_>, answer: &Answer) -> Result<(), String> {
    let Some(flags) = case.flags else {
        return equal("traceresponse", &answer.header("traceresponse"), &None);
    };
    let response = answer.header("traceresponse").unwrap_or_default();
    let parts: Vec<_> = response.split('-').collect();
    let &[_, trace_id, span_id, got] = &parts[..] else {
        return Err(format!("traceresponse: {response:?}"));
    };
    equal("trace flags", &got, &flags)?;
    if let Some((_, parent)) = case.sent.iter().find(|(name, _)| *name == "traceparent")
        && case.spans.first().is_some_and(|line| line.contains(" < "))
    {
        equal("trace id", &Some(trace_id), &parent.split('-').nth(1))?;
    }
    if case.spans.is_empty() {
        // The case has no spans to wait for.
        return Ok(());
    }
    let found = place.receiver.wait(ARRIVAL, case.name, |all| {
        let root = all.spans.iter().find(|span| span.span_id == span_id)?;
        Some(spans::tree(root, &all.spans))
    });
    let expected: Vec<_> = case.spans.iter().map(|line| place.filled(line)).collect();
    equal("spans", &found.join("\n"), &spans::expand(&expected).join("\n"))
}

/// Checks all requests of a setting together.
fn afterwards(setting: &Setting, server: &Server, receiver: &Receiver) -> Option<String> {
    let spans = receiver.spans();
    if let Some(resource) = setting.resource {
        for (key, value) in resource {
            if let Some(span) = spans.iter().find(|span| span.resource[*key] != *value) {
                return Some(format!("{}: the resource {:?}", setting.name, span.resource));
            }
        }
    }
    for (name, value) in setting.export_headers {
        let requests = receiver.requests();
        let mut traces = requests.iter().filter(|request| request.signal == Some(Signal::Traces));
        if spans.is_empty() || !traces.all(|request| request.header(name) == Some(value)) {
            return Some(format!("{}: an export without {name}: {value}", setting.name));
        }
    }
    for (name, value) in setting.propagates {
        let mut calls = receiver.requests();
        calls.retain(|request| request.signal.is_none());
        if calls.is_empty() || calls.iter().any(|call| call.header(name) != Some(value)) {
            return Some(format!("{}: {name}: {value} was not propagated", setting.name));
        }
    }
    if setting.exports == Some(false) && !spans.is_empty() {
        return Some(format!("{}: {} spans were exported", setting.name, spans.len()));
    }
    for text in setting.prints {
        poll(text, || server.output().contains(text).then_some(()));
    }
    None
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}\n     got {got:#?}\nexpected {expected:#?}"))
}

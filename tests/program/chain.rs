//! `GET /api/chain`: a server that calls itself.

use otlp_receiver::{Receiver, SpanKind};
use serde_json::Value;

use crate::process::Program;
use crate::support::SOON;

/// The bits of a span's OTLP flags for a parent that is known to be remote.
const PARENT_IS_REMOTE: u64 = 0x300;

#[test]
fn a_chain_is_one_trace_of_alternating_server_and_client_spans() {
    let receiver = Receiver::start();
    let server = Program::serving(&receiver, &[]).start();
    let answer = server.get("/api/chain?hops=2");
    assert_eq!(answer.status, 200, "{answer:?}");
    let trace = answer.trace_id();
    let hop = format!(r#"{{"service":"rocket-demo-app","trace_id":"{trace}"}}"#);
    assert_eq!(answer.body, format!(r#"{{"hops":[{hop},{hop},{hop}]}}"#));

    let spans = receiver.wait_for_spans(5, SOON);
    let mut span = spans.iter().find(|span| span.parent_span_id.is_none()).expect("a root");
    let mut chain = Vec::new();
    loop {
        let query = span.attributes.get("url.query").and_then(Value::as_str);
        chain.push((span.kind, &*span.name, query));
        match spans.iter().find(|child| child.is_child_of(span)) {
            Some(child) => span = child,
            None => break,
        }
    }
    let [server_span, client_span] =
        [(SpanKind::Server, "GET /api/chain"), (SpanKind::Client, "GET")]
            .map(|(kind, name)| move |query| (kind, name, query));
    let expected = [
        server_span(Some("hops=2")),
        client_span(None),
        server_span(Some("hops=1")),
        client_span(None),
        server_span(Some("hops=0")),
    ];
    assert_eq!(chain, expected);

    let shown = server.get(&format!("/api/traces/{trace}")).body;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let scopes = shown["resourceSpans"][0]["scopeSpans"].as_array().expect("a list");
    let spans = scopes.iter().flat_map(|scope| scope["spans"].as_array().expect("a list"));
    let remote = |span: &&Value| {
        span["flags"].as_u64().expect("flags") & PARENT_IS_REMOTE == PARENT_IS_REMOTE
    };
    assert_eq!(spans.filter(remote).count(), 2, "a parent in a header is remote: {shown}");
    server.end();
}

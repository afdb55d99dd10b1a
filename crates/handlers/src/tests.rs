//! Handlers on a host without a clock or a network, with their spans in memory.

use super::*;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

/// Sleeps at once, and is never surprised.
struct Still;

impl Host for Still {
    async fn sleep(&self, _: Duration) {}
    fn random(&self) -> u64 {
        41
    }
    async fn downstream(&self, _: &str) -> Result<(u16, Vec<u8>), DownstreamError> {
        Ok((200, br#"{"hops":[{"service":"behind","trace_id":"0"}]}"#.to_vec()))
    }
}

fn run(handler: impl AsyncFnOnce(&App<Still>) -> Reply) -> (Reply, Vec<SpanData>) {
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let tracer = BoxedTracer::new(Box::new(provider.tracer("handlers")));
    let meter = opentelemetry::global::meter("handlers");
    let app = App::new(Still, tracer, &meter, "tested");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let reply = runtime.block_on(handler(&app));
    (reply, spans.get_finished_spans().expect("spans are kept"))
}

fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).expect("JSON is UTF-8")
}

#[test]
fn index_answers_what_the_flask_demo_answers() {
    let (reply, spans) = run(async |app| index::index(app).await);
    let expected = r#"{"message":"Hello from OTEL Demo App!","endpoints":["/api/users","/api/process","/health"]}"#;
    assert_eq!((reply.status, text(&reply)), (200, expected));
    assert!(spans.is_empty(), "the server's span is the server's");
}

#[test]
fn users_are_fetched_inside_one_span() {
    let (reply, spans) = run(async |app| users::users(app).await);
    assert!(text(&reply).starts_with(r#"[{"id":1,"name":"Alice","email":"alice@example.com"}"#));
    let [span] = spans.try_into().expect("one span");
    assert_eq!(span.name, "fetch_users");
    assert!(span.attributes.contains(&KeyValue::new("result.count", 3)));
}

#[test]
fn the_steps_of_process_are_children_of_one_span_in_order() {
    let (reply, spans) = run(async |app| process::process(app).await);
    assert!(text(&reply).starts_with(r#"{"status":"success","duration_ms":"#));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["validate_data", "process_data", "save_results", "process_request"]);
    let parent = spans[3].span_context.span_id();
    assert!(spans[..3].iter().all(|span| span.parent_span_id == parent));
    assert!(spans[2].attributes.contains(&KeyValue::new("records_saved", 42)));
}

#[test]
fn a_chain_adds_the_hops_behind_it() {
    let (reply, _) = run(async |app| chain::chain(app, Some("1")).await);
    assert_eq!(reply.status, 200);
    assert!(text(&reply).contains(r#""service":"tested""#) && text(&reply).contains("behind"));
}

#[test]
fn absurd_hops_are_refused_by_name() {
    for hops in ["6", "-1", "1e9", "99999999999999999999", "", " 1", "٣"] {
        let (reply, _) = run(async |app| chain::chain(app, Some(hops)).await);
        let expected = r#"{"error":"hops takes a whole number from 0 to 5"}"#;
        assert_eq!((reply.status, text(&reply)), (422, expected), "hops={hops}");
    }
}

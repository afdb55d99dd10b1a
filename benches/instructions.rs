//! Serves a number of requests in a mode, and ends: `.ci/callgrind` counts its instructions.
#![allow(clippy::expect_used, reason = "a wrong argument may panic")]

use opentelemetry::trace::{SpanBuilder, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use rocket_opentelemetry::RequestTracing;

mod support;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let (Some(mode), Some(count)) = (args.next(), args.next()) else {
        // `cargo bench` and `cargo test` run every target, without arguments.
        println!("usage: instructions MODE COUNT; modes: {:?}, encode", support::MODES);
        return;
    };
    let count: usize = count.parse().expect("a number");
    if mode == "encode" {
        return encode(count);
    }
    let (client, telemetry) = support::client(&mode);
    for _ in 0..count {
        let response = support::request(&client, "/health").dispatch();
        assert_eq!(response.into_string().as_deref(), Some(r#"{"status":"healthy"}"#));
    }
    if let Some(telemetry) = telemetry {
        let _ = telemetry.flush();
    }
}

/// Encodes a batch of one span `count` times.
fn encode(count: usize) {
    use opentelemetry::trace::{Span as _, TracerProvider as _};
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let tracer = provider.tracer_with_scope(RequestTracing::scope());
    let attributes =
        (0..12).map(|n| KeyValue::new("http.request.method", n.to_string())).collect::<Vec<_>>();
    let builder = SpanBuilder::from_name("GET /health").with_attributes(attributes);
    tracer.build_with_context(builder, &Context::new()).end();
    let spans = exporter.get_finished_spans().expect("in memory");
    let batch = vec![spans[0].clone(); count];
    let resource = opentelemetry_sdk::Resource::builder().build();
    assert!(!support::encode(&resource, &batch).is_empty());
}

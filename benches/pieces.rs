//! The cost of each piece of a request's telemetry: `cargo bench --bench pieces`.
#![allow(missing_docs, reason = "criterion's macros")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot run may panic")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_autoconfigure::SpanListener as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use rocket::http::Header;
use rocket_opentelemetry::RequestTracing;
use rocket_otel_demo::recent_traces::{RecentTraces, RecentTracesLimits};

mod support;

/// The spans of a batch.
const BATCH: usize = 512;

/// A whole request through Rocket, in this process: the modes differ by what they cost.
fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("request");
    for mode in support::MODES {
        let (client, _telemetry) = support::client(mode);
        group.bench_function(mode, |b| {
            b.iter(|| support::request(&client, "/health").dispatch().into_string());
        });
    }
    let (client, _telemetry) = support::client("full");
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    group.bench_function("full with a parent", |b| {
        b.iter(|| {
            let request = support::request(&client, "/health");
            request.header(Header::new("traceparent", parent)).dispatch().into_string()
        });
    });
    group.bench_function("full without a route", |b| {
        b.iter(|| support::request(&client, "/nowhere").dispatch().into_string());
    });
}

/// The attributes of the span of `GET /health`.
fn attributes() -> Vec<KeyValue> {
    vec![
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("url.path", "/health".to_owned()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("server.address", "127.0.0.1".to_owned()),
        KeyValue::new("server.port", 8000),
        KeyValue::new("client.address", "127.0.0.1".to_owned()),
        KeyValue::new("network.peer.address", "127.0.0.1".to_owned()),
        KeyValue::new("network.peer.port", 4711),
        KeyValue::new("network.protocol.version", "1.1"),
        KeyValue::new("user_agent.original", "bench/1.0".to_owned()),
        KeyValue::new("http.response.status_code", 200),
        KeyValue::new("http.route", "/health"),
    ]
}

fn builder() -> SpanBuilder {
    SpanBuilder::from_name("GET /health").with_kind(SpanKind::Server).with_attributes(attributes())
}

fn pieces(c: &mut Criterion) {
    c.bench_function("attributes of a span", |b| b.iter(attributes));
    let telemetry = support::telemetry(&[]);
    let tracer = telemetry.tracer(RequestTracing::scope());
    c.bench_function("start and end of a server span", |b| {
        b.iter(|| tracer.build_with_context(builder(), black_box(&Context::new())).end());
    });
    let meter = telemetry.meter(InstrumentationScope::builder("bench").build());
    let histogram = meter.f64_histogram("bench").build();
    let labels = [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("http.response.status_code", 200),
        KeyValue::new("http.route", "/health"),
    ];
    c.bench_function("record in a histogram", |b| {
        b.iter(|| histogram.record(black_box(0.001), &labels));
    });
}

fn spans() -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let tracer = provider.tracer_with_scope(RequestTracing::scope());
    (0..BATCH).for_each(|_| tracer.build_with_context(builder(), &Context::new()).end());
    exporter.get_finished_spans().expect("in memory")
}

/// The work after a request, for a whole batch.
fn batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    let spans = spans();
    let resource = Resource::builder().build();
    group.bench_function("encode", |b| b.iter(|| support::encode(&resource, &spans)));
    for traces in [100, 10_000] {
        let recent =
            RecentTraces::new(RecentTracesLimits { max_traces: traces, max_bytes: 64 << 20 });
        group.bench_function(format!("add to {traces} recent traces"), |b| {
            b.iter_batched_ref(
                self::spans,
                |spans| recent.on_batch(spans),
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group!(all, requests, pieces, batches);
criterion_main!(all);

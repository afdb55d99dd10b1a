//! Handlers on a platform without a clock or a network, with spans and metrics in memory.
#![allow(clippy::expect_used, reason = "a failing test may panic")]

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde::Serialize;

use super::*;

/// Sleeps return at once.
struct Still;

impl Platform for Still {
    async fn sleep(&self, _: Duration) {}
    async fn get_downstream(&self, _: &str) -> Result<(u16, Vec<u8>), Error> {
        Ok((200, br#"{"hops":[{"service":"behind","trace_id":"0"}]}"#.to_vec()))
    }
}

fn run<T>(meter: &Meter, handler: impl AsyncFnOnce(&Demo<Still>) -> T) -> (T, Vec<SpanData>) {
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let tracer = BoxedTracer::new(Box::new(provider.tracer("handlers")));
    let mut demo = Demo::new(Still, tracer, meter, "tested");
    demo.deterministic.random = Some(41);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let outcome = runtime.block_on(handler(&demo));
    (outcome, spans.get_finished_spans().expect("spans are in memory"))
}

fn traced<T>(handler: impl AsyncFnOnce(&Demo<Still>) -> T) -> (T, Vec<SpanData>) {
    run(&opentelemetry::global::meter("handlers"), handler)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it serializes")
}

#[test]
fn index_answers_what_the_flask_demo_answers_and_starts_no_span() {
    let (index, spans) = traced(async |demo| demo.index().await);
    let expected = r#"{"message":"Hello from OTEL Demo App!","endpoints":["/api/users","/api/process","/health"]}"#;
    assert_eq!(json(&index), expected);
    assert!(spans.is_empty(), "the server's span is the server's");
}

#[test]
fn users_are_fetched_inside_one_span() {
    let (users, spans) = traced(async |demo| demo.users().await);
    assert!(json(&users).starts_with(r#"[{"id":1,"name":"Alice","email":"alice@example.com"}"#));
    let [span] = spans.try_into().expect("one span");
    assert_eq!(span.name, "fetch_users");
    assert!(span.attributes.contains(&KeyValue::new("result.count", 3)));
}

#[test]
fn the_steps_of_process_are_children_of_one_span_in_order() {
    let (processed, spans) = traced(async |demo| demo.process().await);
    assert!(json(&processed).starts_with(r#"{"status":"success","duration_ms":"#));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["validate_data", "process_data", "save_results", "process_request"]);
    let parent = spans[3].span_context.span_id();
    assert!(spans[..3].iter().all(|span| span.parent_span_id == parent));
    assert!(spans[2].attributes.contains(&KeyValue::new("records_saved", 42)));
}

#[test]
fn a_chain_appends_the_hops_of_the_downstream_service() {
    let (chain, _) = traced(async |demo| demo.chain("1".parse()).await);
    let chain = json(&chain.expect("a chain"));
    assert!(chain.contains(r#""service":"tested""#) && chain.contains("behind"));
}

#[test]
fn hops_are_an_integer_from_0_to_5() {
    assert_eq!("1".parse(), Ok(Hops::default()));
    assert!(["0", "5"].iter().all(|hops| hops.parse::<Hops>().is_ok()));
    for text in ["6", "-1", "1e9", "99999999999999999999", "", " 1", "٣"] {
        assert_eq!(text.parse::<Hops>(), Err(Error::InvalidHops), "{text:?}");
    }
    let (chain, _) = traced(async |demo| demo.chain("6".parse()).await);
    let error = chain.expect_err("too many hops");
    assert_eq!(error.status(), 422);
    assert_eq!(error.to_string(), "invalid hops: expected an integer from 0 to 5");
}

/// The points of a metric as text: labels and what was counted or recorded.
fn points(exporter: &InMemoryMetricExporter, name: &str) -> Vec<String> {
    let all = exporter.get_finished_metrics().expect("metrics are in memory");
    let mut metrics = all
        .last()
        .into_iter()
        .flat_map(ResourceMetrics::scope_metrics)
        .flat_map(ScopeMetrics::metrics);
    let metric = metrics.find(|metric| metric.name() == name).expect("the metric was recorded");
    let labels = |attributes: &mut dyn Iterator<Item = &KeyValue>| {
        let mut labels: Vec<_> = attributes.map(|kv| format!("{}={}", kv.key, kv.value)).collect();
        labels.sort();
        labels.join(" ")
    };
    let mut points: Vec<_> = match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
            .data_points()
            .map(|p| format!("{}: {}", labels(&mut p.attributes()), p.value()))
            .collect(),
        AggregatedMetrics::U64(MetricData::Gauge(gauge)) => gauge
            .data_points()
            .map(|p| format!("{}: {}", labels(&mut p.attributes()), p.value()))
            .collect(),
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|p| format!("{} {}: {}", labels(&mut p.attributes()), metric.unit(), p.count()))
            .collect(),
        other => panic!("{name} has an unexpected kind: {other:?}"),
    };
    points.sort();
    points
}

#[test]
fn the_counter_the_histogram_and_the_gauge_follow_the_handlers() {
    let exporter = InMemoryMetricExporter::default();
    // The interval is a minute: within the test, only `force_flush` reads.
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    run(&provider.meter("handlers"), async |demo| {
        demo.health().await;
        demo.health().await;
        demo.error().await;
        demo.process().await;
        let _ = demo.chain("6".parse()).await;
    });
    provider.force_flush().expect("memory is always there");

    let expected = [
        ("/api/chain", 422, 1),
        ("/api/error", 500, 1),
        ("/api/process", 200, 1),
        ("/health", 200, 2),
    ];
    let counted = |unit: &str| {
        expected
            .map(|(path, status, count)| format!("endpoint={path} status={status}{unit}: {count}"))
    };
    assert_eq!(points(&exporter, "app.requests.total"), counted(""));
    assert_eq!(points(&exporter, "app.request.duration"), counted(" ms"));
    assert_eq!(points(&exporter, "app.custom.gauge"), [": 42"]);
}

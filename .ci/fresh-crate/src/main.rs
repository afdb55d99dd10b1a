//! A service with nothing but Rocket, the SDK and `rocket_opentelemetry`: it serves one request and
//! finds the request's span and duration.

use std::error::Error;

use opentelemetry::global;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use rocket::local::blocking::Client;
use rocket::{get, routes};
use rocket_opentelemetry::{RequestTracing, traced};

#[get("/orders/<id>")]
fn order(id: u64) -> String {
    format!("order {id}")
}

fn main() -> Result<(), Box<dyn Error>> {
    let spans = InMemorySpanExporter::default();
    let tracer_provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    global::set_tracer_provider(tracer_provider);
    let metrics = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(metrics.clone()).build();
    let meter_provider = SdkMeterProvider::builder().with_reader(reader).build();
    global::set_meter_provider(meter_provider.clone());

    let rocket = rocket::build().attach(RequestTracing::new()).mount("/", traced(routes![order]));
    let client = Client::untracked(rocket)?;
    let body = client.get("/orders/7").dispatch().into_string();
    assert_eq!(body.as_deref(), Some("order 7"));

    let spans = spans.get_finished_spans()?;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].name, "GET /orders/<id>");

    meter_provider.force_flush()?;
    assert_eq!(durations(&metrics.get_finished_metrics()?), 1);
    Ok(())
}

/// The number of recorded request durations.
fn durations(exports: &[ResourceMetrics]) -> u64 {
    let metrics = exports.iter().flat_map(ResourceMetrics::scope_metrics).flat_map(|s| s.metrics());
    let points = metrics.filter(|metric| metric.name() == "http.server.request.duration");
    points
        .map(|metric| match metric.data() {
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                histogram.data_points().map(|point| point.count()).sum()
            }
            _ => 0,
        })
        .sum()
}

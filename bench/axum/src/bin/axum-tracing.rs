//! axum with axum-tracing-opentelemetry, which uses `tracing`: spans, no metrics.

use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};
use bench_common::Otel;
use opentelemetry::trace::TracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main]
async fn main() {
    let otel = Otel::install();
    let tracer = otel.traces.tracer("axum");
    // The instrumentation's own target only, as its documentation recommends.
    let filter = tracing_subscriber::filter::Targets::new()
        .with_target("otel::tracing", tracing_subscriber::filter::LevelFilter::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    tracing_subscriber::registry().with(filter).with(layer).init();
    let app =
        bench_axum::app().layer(OtelInResponseLayer::default()).layer(OtelAxumLayer::default());
    bench_axum::serve(app).await;
    otel.shutdown().await;
}

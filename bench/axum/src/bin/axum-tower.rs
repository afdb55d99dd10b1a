//! axum with opentelemetry-instrumentation-tower: spans and metrics, as its README shows.

use bench_common::Otel;
use opentelemetry_instrumentation_tower::http::server::Layer;

#[tokio::main]
async fn main() {
    let otel = Otel::install();
    bench_axum::serve(bench_axum::app().layer(Layer::new())).await;
    otel.shutdown().await;
}

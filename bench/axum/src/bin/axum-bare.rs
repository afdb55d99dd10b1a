//! axum without instrumentation.

#[tokio::main]
async fn main() {
    bench_axum::serve(bench_axum::app()).await;
}

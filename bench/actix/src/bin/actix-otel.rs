//! Actix with opentelemetry-instrumentation-actix-web: spans and metrics, as its README shows.

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use bench_common::{HEALTH, Otel, port, terminated};
use opentelemetry_instrumentation_actix_web::{RequestMetrics, RequestTracing};

async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(HEALTH)
}

// Each of Actix's own runtimes has one thread, and the exporter needs one that nothing blocks.
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let otel = Otel::install();
    let server = HttpServer::new(|| {
        App::new()
            .wrap(RequestTracing::new())
            .wrap(RequestMetrics::default())
            .route("/health", web::get().to(health))
    })
    .disable_signals()
    .bind(("127.0.0.1", port()))?
    .run();
    let result = tokio::select! {
        result = server => result,
        () = terminated() => Ok(()),
    };
    otel.shutdown().await;
    result
}

//! Actix without instrumentation.

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use bench_common::{HEALTH, port, terminated};

async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(HEALTH)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let server = HttpServer::new(|| App::new().route("/health", web::get().to(health)))
        .disable_signals()
        .bind(("127.0.0.1", port()))?
        .run();
    tokio::select! {
        result = server => result,
        () = terminated() => Ok(()),
    }
}

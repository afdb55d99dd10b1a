//! The route of every axum server, and how it is served.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use bench_common::{HEALTH, port, terminated};

async fn health() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], HEALTH)
}

/// The routes, without instrumentation.
pub fn app() -> Router {
    Router::new().route("/health", get(health))
}

/// Serves until SIGTERM.
pub async fn serve(app: Router) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port())).await;
    let listener = listener.expect("the port is free");
    tokio::select! {
        served = axum::serve(listener, app) => served.expect("axum serves"),
        () = terminated() => {}
    }
}

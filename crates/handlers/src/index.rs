//! `GET /` for clients that want JSON: what there is to try.

use serde::Serialize;

use super::{App, Host, Reply};

#[derive(Serialize)]
struct Index {
    message: &'static str,
    endpoints: [&'static str; 3],
}

/// Greets, and names the endpoints.
pub async fn index<H: Host>(app: &App<H>) -> Reply {
    let index = Index {
        message: "Hello from OTEL Demo App!",
        endpoints: ["/api/users", "/api/process", "/health"],
    };
    app.measured("/", async { Reply::json(200, &index) }).await
}

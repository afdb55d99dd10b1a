//! `GET /health`: for load balancers and containers, as cheap as a request can be.

use serde::Serialize;

use super::{App, Host, Reply};

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// Says that the process answers.
pub async fn health<H: Host>(app: &App<H>) -> Reply {
    app.measured("/health", async { Reply::json(200, &Health { status: "healthy" }) }).await
}

//! `GET /health`: for load balancers and containers, as cheap as a request can be.

use serde::Serialize;

use super::{Demo, Platform};

/// The state of the process.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
}

impl<P: Platform> Demo<P> {
    /// Reports that the process answers.
    pub async fn health(&self) -> Health {
        self.with_metrics("/health", |_| 200, async { Health { status: "healthy" } }).await
    }
}

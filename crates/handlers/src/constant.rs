//! The handlers that do no work: `GET /` for programs and `GET /health`.

use serde::Serialize;

use super::{Demo, Platform};

/// A greeting and the endpoints.
#[derive(Debug, Serialize)]
pub struct Index {
    message: &'static str,
    endpoints: [&'static str; 3],
}

/// The state of the process.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
}

impl<P: Platform> Demo<P> {
    /// Greets, and lists the endpoints to try.
    pub async fn index(&self) -> Index {
        let index = Index {
            message: "Hello from OTEL Demo App!",
            endpoints: ["/api/users", "/api/process", "/health"],
        };
        self.with_metrics("/", |_| 200, async { index }).await
    }

    /// Reports that the process answers, to load balancers and containers.
    pub async fn health(&self) -> Health {
        self.with_metrics("/health", |_| 200, async { Health { status: "healthy" } }).await
    }
}

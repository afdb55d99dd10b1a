//! `GET /` for programs: what there is to try.

use serde::Serialize;

use super::{Demo, Platform};

/// A greeting and the endpoints.
#[derive(Debug, Serialize)]
pub struct Index {
    message: &'static str,
    endpoints: [&'static str; 3],
}

impl<P: Platform> Demo<P> {
    /// Greets, and lists the endpoints.
    pub async fn index(&self) -> Index {
        let index = Index {
            message: "Hello from OTEL Demo App!",
            endpoints: ["/api/users", "/api/process", "/health"],
        };
        self.with_metrics("/", |_| 200, async { index }).await
    }
}

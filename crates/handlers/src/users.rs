//! `GET /api/users`: one child span, as around a database query.

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use serde::Serialize;

use super::{Demo, Platform};

/// Bounds of the simulated query in milliseconds.
const QUERY: [u64; 2] = [100, 295];

#[derive(Debug, Serialize)]
struct User {
    id: u32,
    name: &'static str,
    email: &'static str,
}

/// A list of users.
#[derive(Debug, Serialize)]
pub struct Users([User; 3]);

const USERS: Users = Users([
    User { id: 1, name: "Alice", email: "alice@example.com" },
    User { id: 2, name: "Bob", email: "bob@example.com" },
    User { id: 3, name: "Charlie", email: "charlie@example.com" },
]);

impl<P: Platform> Demo<P> {
    /// Lists three users after a simulated query.
    pub async fn users(&self) -> Users {
        // The names that dashboards of the Flask demo use, and the current ones beside them.
        let query = vec![
            KeyValue::new("db.system", "postgresql"),
            KeyValue::new("db.operation", "select"),
            KeyValue::new("db.system.name", "postgresql"),
            KeyValue::new("db.operation.name", "select"),
        ];
        let fetch = self.in_span("fetch_users", query, self.fetch_users());
        self.with_metrics("/api/users", |_| 200, fetch).await
    }

    async fn fetch_users(&self) -> Users {
        self.simulate_work(QUERY).await;
        // `fetch_users` is the current span. Its count is known only now.
        let count = KeyValue::new("result.count", USERS.0.len().cast_signed() as i64);
        Context::current().span().set_attribute(count);
        USERS
    }
}

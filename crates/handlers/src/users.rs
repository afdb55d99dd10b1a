//! `GET /api/users`: one child span, as around a database query.

use std::time::Duration;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use serde::Serialize;

use super::{App, Host, Reply};

/// The simulated query's time.
const QUERY: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(295)];

#[derive(Serialize)]
struct User {
    id: u32,
    name: &'static str,
    email: &'static str,
}

const USERS: [User; 3] = [
    User { id: 1, name: "Alice", email: "alice@example.com" },
    User { id: 2, name: "Bob", email: "bob@example.com" },
    User { id: 3, name: "Charlie", email: "charlie@example.com" },
];

/// Lists three users, after a simulated query.
pub async fn users<H: Host>(app: &App<H>) -> Reply {
    app.measured("/api/users", async {
        let users = app.in_span("fetch_users", query_attributes(), fetch(app)).await;
        Reply::json(200, &users)
    })
    .await
}

/// The old names, which dashboards of the Flask demo know, and today's beside them.
fn query_attributes() -> Vec<KeyValue> {
    vec![
        KeyValue::new("db.system", "postgresql"),
        KeyValue::new("db.operation", "select"),
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("db.operation.name", "select"),
    ]
}

async fn fetch<H: Host>(app: &App<H>) -> &'static [User] {
    app.work(QUERY[0], QUERY[1]).await;
    // Known only now: so it is set on the span that is current, which is `fetch_users`.
    let count = KeyValue::new("result.count", USERS.len().cast_signed() as i64);
    Context::current().span().set_attribute(count);
    &USERS
}

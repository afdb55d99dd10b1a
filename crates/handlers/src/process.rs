//! `GET /api/process`: spans within a span, one after the other.

use std::time::Duration;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use serde::Serialize;

use super::{App, Host, Reply};

/// The simulated steps' times: together 200 to 700 ms, less what waking up late may add.
const VALIDATE: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(145)];
const PROCESS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(395)];
const SAVE: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(145)];

/// Records that one request can save.
const MOST_RECORDS: u64 = 100;

#[derive(Serialize)]
struct Processed {
    status: &'static str,
    duration_ms: f64,
}

/// Validates, processes and saves, each in a span of its own.
pub async fn process<H: Host>(app: &App<H>) -> Reply {
    app.measured("/api/process", async {
        let started = app.host.now();
        app.in_span("process_request", Vec::new(), steps(app)).await;
        let duration_ms = ((app.host.now() - started).as_secs_f64() * 1e5).round() / 1e2;
        Reply::json(200, &Processed { status: "success", duration_ms })
    })
    .await
}

async fn steps<H: Host>(app: &App<H>) {
    let step = |name| vec![KeyValue::new("step", name)];
    app.in_span("validate_data", step("validate"), app.work(VALIDATE[0], VALIDATE[1])).await;
    app.in_span("process_data", step("process"), app.work(PROCESS[0], PROCESS[1])).await;
    app.in_span("save_results", step("save"), save(app)).await;
}

async fn save<H: Host>(app: &App<H>) {
    app.work(SAVE[0], SAVE[1]).await;
    let records = 1 + app.host.random() % MOST_RECORDS;
    app.set_custom_gauge(records);
    // At most MOST_RECORDS, so no bit is lost.
    let records = KeyValue::new("records_saved", records.cast_signed());
    Context::current().span().set_attribute(records);
}

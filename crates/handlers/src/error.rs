//! `GET /api/error`: how an error is told on a span.

use std::panic::Location;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::{App, Host, Reply};

/// What goes wrong here, each time.
#[derive(Debug, thiserror::Error)]
#[error("Simulated error for tracing")]
struct SimulatedError {
    at: &'static Location<'static>,
}

impl SimulatedError {
    #[track_caller]
    fn new() -> Self {
        Self { at: Location::caller() }
    }
}

/// Fails with 500, and tells the request's span why.
pub async fn error<H: Host>(app: &App<H>) -> Reply {
    app.measured("/api/error", async {
        let error = SimulatedError::new();
        record(&error);
        log::error!("{error}");
        Reply::error(500, error.to_string())
    })
    .await
}

/// Puts the error on the current span: its status, and an `exception` event
/// (<https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/>).
fn record(error: &SimulatedError) {
    let cx = Context::current();
    let span = cx.span();
    if !span.is_recording() {
        return;
    }
    // Where the error arose. A captured backtrace would take longer than the whole request may.
    let stacktrace = format!("SimulatedError: {error}\n    at {}", error.at);
    let attributes = vec![
        KeyValue::new("exception.type", "SimulatedError"),
        KeyValue::new("exception.message", error.to_string()),
        KeyValue::new("exception.stacktrace", stacktrace),
    ];
    span.add_event("exception", attributes);
    span.set_attribute(KeyValue::new("error", true));
    span.set_status(Status::error(error.to_string()));
}

//! Errors: what a client learns of one, and `GET /api/error`, which records one on its span.

use std::panic::Location;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use serde::Serialize;

use super::{Demo, DownstreamError, InvalidHops, Platform};

/// Why a handler has no result. The text is meant for the client; the log may say more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `/api/error` was requested.
    #[error(transparent)]
    Simulated(#[from] SimulatedError),
    /// The query has no valid number of hops.
    #[error(transparent)]
    InvalidHops(#[from] InvalidHops),
    /// The downstream service did not answer.
    #[error(transparent)]
    Downstream(#[from] DownstreamError),
    /// The downstream service answered with another status than 200.
    #[error("the downstream service answered {0}")]
    DownstreamStatus(u16),
    /// The downstream service answered with another body than a chain.
    #[error("the downstream service sent an invalid answer")]
    DownstreamBody,
}

impl Error {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Simulated(_) => 500,
            Self::InvalidHops(_) => 422,
            Self::Downstream(_) | Self::DownstreamStatus(_) | Self::DownstreamBody => 502,
        }
    }
}

/// The body of every error.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorBody {
    /// A message for the client.
    pub error: String,
}

/// What a client learns of an error without a message of its own: never an internal cause.
/// `reason` is the fallback for a status without a message here.
#[must_use]
pub fn public_message(status: u16, reason: Option<&'static str>) -> &'static str {
    match status {
        400 => "The request cannot be read.",
        404 => "There is nothing at this address.",
        413 => "The request is too large.",
        422 => "A parameter of the request has an invalid value.",
        500 => "The server failed to answer; the trace of this request shows why.",
        _ => reason.unwrap_or("The server did not answer the request."),
    }
}

/// The error of `/api/error`.
#[derive(Debug, thiserror::Error)]
#[error("Simulated error for tracing")]
pub struct SimulatedError {
    at: &'static Location<'static>,
}

impl SimulatedError {
    #[track_caller]
    fn new() -> Self {
        Self { at: Location::caller() }
    }

    /// Records the error on the current span: its status, and an `exception` event
    /// (<https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/>).
    fn record(&self) {
        let cx = Context::current();
        let span = cx.span();
        if !span.is_recording() {
            return;
        }
        // A captured backtrace takes longer than the whole request may.
        let stacktrace = format!("SimulatedError: {self}\n    at {}", self.at);
        let attributes = vec![
            KeyValue::new("exception.type", "SimulatedError"),
            KeyValue::new("exception.message", self.to_string()),
            KeyValue::new("exception.stacktrace", stacktrace),
        ];
        span.add_event("exception", attributes);
        span.set_attribute(KeyValue::new("error", true));
        span.set_status(Status::error(self.to_string()));
    }
}

impl<P: Platform> Demo<P> {
    /// Fails, and records the error on the span of the request.
    pub async fn error(&self) -> Error {
        self.with_metrics("/api/error", async {
            let error = SimulatedError::new();
            error.record();
            log::error!("{error}");
            error.into()
        })
        .await
    }
}

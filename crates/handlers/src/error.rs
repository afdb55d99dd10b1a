//! Errors: what a client learns of one, and `GET /api/error`, which records one on its span.

use std::panic::Location;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use serde::Serialize;

use super::chain::MAX_HOPS;
use super::{Demo, Platform};

/// Why a handler has no result. The text is for the client: the log and the span may say more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `/api/error` was requested.
    #[error("Simulated error for tracing")]
    Simulated,
    /// The number of hops is invalid.
    #[error("invalid hops: expected an integer from 0 to {MAX_HOPS}")]
    InvalidHops,
    /// The connection to the downstream service failed, broke off, or timed out.
    #[error("the downstream service did not answer")]
    DownstreamUnreachable,
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
            Self::Simulated => 500,
            Self::InvalidHops => 422,
            Self::DownstreamUnreachable | Self::DownstreamStatus(_) | Self::DownstreamBody => 502,
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

impl<P: Platform> Demo<P> {
    /// Fails, and records the error on the span of the request.
    pub async fn error(&self) -> Error {
        self.with_metrics("/api/error", Error::status, async {
            record(Error::Simulated, Location::caller());
            log::error!("{}", Error::Simulated);
            Error::Simulated
        })
        .await
    }
}

/// Records an error on the current span: its status, and an `exception` event
/// (<https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/>).
fn record(error: Error, at: &Location<'_>) {
    let cx = Context::current();
    let span = cx.span();
    if !span.is_recording() {
        return;
    }
    // A captured backtrace takes longer than the whole request may.
    let stacktrace = format!("SimulatedError: {error}\n    at {at}");
    let attributes = vec![
        KeyValue::new("exception.type", "SimulatedError"),
        KeyValue::new("exception.message", error.to_string()),
        KeyValue::new("exception.stacktrace", stacktrace),
    ];
    span.add_event("exception", attributes);
    span.set_attribute(KeyValue::new("error", true));
    span.set_status(Status::error(error.to_string()));
}

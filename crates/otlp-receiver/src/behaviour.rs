//! How the receiver answers.

use std::time::Duration;

use axum::http::StatusCode;
use tonic::Code;

/// What the receiver does with a request it has read.
///
/// Data is kept by `Accept`, `Delay` and `PartialSuccess` only, so a retried batch is never seen twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Behaviour {
    /// Keeps the data and says so.
    #[default]
    Accept,
    /// Takes the request and never answers.
    Hang,
    /// Waits, then accepts; a client that has left by then is not heard.
    Delay(Duration),
    /// gRPC `UNAVAILABLE`; HTTP 503. Clients should retry.
    Unavailable,
    /// gRPC `RESOURCE_EXHAUSTED` with a `RetryInfo`; HTTP 429 with a `Retry-After` in whole seconds, rounded
    /// up. Without a delay a gRPC client must not retry.
    ResourceExhausted {
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// gRPC `UNIMPLEMENTED`; HTTP 404. What a backend answers for a signal it does not take.
    Unimplemented,
    /// gRPC `UNAUTHENTICATED`; HTTP 401.
    Unauthenticated,
    /// Success, with the claim that some of it was rejected. All of it is kept all the same.
    PartialSuccess {
        /// How many spans, data points or log records the answer calls rejected.
        rejected: i64,
        /// Why.
        message: String,
    },
}

/// An answer other than success, in the words of both protocols.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    pub code: Code,
    pub status: StatusCode,
    pub message: &'static str,
    pub retry_after: Option<Duration>,
}

impl Behaviour {
    /// The refusal this behaviour stands for, if it is one.
    pub fn refusal(&self) -> Option<Refusal> {
        let (code, status, message) = match self {
            Self::Accept | Self::Hang | Self::Delay(_) | Self::PartialSuccess { .. } => {
                return None;
            }
            Self::Unavailable => {
                (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, "the receiver is unavailable")
            }
            Self::ResourceExhausted { .. } => (
                Code::ResourceExhausted,
                StatusCode::TOO_MANY_REQUESTS,
                "the receiver is overloaded",
            ),
            Self::Unimplemented => (
                Code::Unimplemented,
                StatusCode::NOT_FOUND,
                "the receiver does not take this signal",
            ),
            Self::Unauthenticated => {
                (Code::Unauthenticated, StatusCode::UNAUTHORIZED, "the receiver does not know you")
            }
        };
        let retry_after = match self {
            Self::ResourceExhausted { retry_after } => *retry_after,
            _ => None,
        };
        Some(Refusal { code, status, message, retry_after })
    }
}

//! How the receiver answers.

use std::time::Duration;

use tonic::Code;

/// What the receiver does with a request after it has read it.
///
/// Only `Accept`, `Delay` and `PartialSuccess` keep the data, so a retried batch is never kept twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Behaviour {
    /// Keep the data and answer success.
    #[default]
    Accept,
    /// Never answer.
    Hang,
    /// Wait, then accept. Drops the data if the client leaves in the meantime.
    Delay(Duration),
    /// gRPC `UNAVAILABLE`, HTTP 503. Clients should retry.
    Unavailable,
    /// gRPC `RESOURCE_EXHAUSTED` with a `RetryInfo`, HTTP 429 with a `Retry-After` in whole seconds, rounded up.
    /// Without a delay, a gRPC client must not retry.
    ResourceExhausted {
        /// How long the client should wait before it retries.
        retry_after: Option<Duration>,
    },
    /// gRPC `UNIMPLEMENTED`, HTTP 404: what a backend answers for a signal that it does not support.
    Unimplemented,
    /// gRPC `UNAUTHENTICATED`, HTTP 401.
    Unauthenticated,
    /// Success, with the claim that some items were rejected. The receiver keeps all of them.
    PartialSuccess {
        /// The number of spans, data points or log records that the answer calls rejected.
        rejected: i64,
        /// The reason in the answer.
        message: String,
    },
}

/// An answer other than success, for both protocols.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    /// Of HTTP.
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(code: Code, status: u16, message: impl ToString) -> Self {
        Self { code, status, message: message.to_string(), retry_after: None }
    }
}

impl Behaviour {
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let (code, status, message) = match self {
            Self::Accept | Self::Hang | Self::Delay(_) | Self::PartialSuccess { .. } => {
                return None;
            }
            Self::Unavailable => (Code::Unavailable, 503, "unavailable"),
            Self::ResourceExhausted { .. } => (Code::ResourceExhausted, 429, "overloaded"),
            Self::Unimplemented => (Code::Unimplemented, 404, "unsupported signal"),
            Self::Unauthenticated => (Code::Unauthenticated, 401, "missing credentials"),
        };
        let mut refusal = Refusal::new(code, status, message);
        if let Self::ResourceExhausted { retry_after } = self {
            refusal.retry_after = *retry_after;
        }
        Some(refusal)
    }
}

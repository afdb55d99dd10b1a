//! Why an export of spans failed, and whether the same spans may be sent again.

use opentelemetry_sdk::error::OTelSdkError;

use super::console;

/// A failed export.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) retryable: bool,
}

impl Failure {
    /// The OTLP specification names what is final; the exporters tell it in their text only.
    pub(crate) fn of(error: &OTelSdkError) -> Self {
        const FINAL: [&str; 8] = [
            "Unimplemented",
            "InvalidArgument",
            "NotFound",
            "AlreadyExists",
            "PermissionDenied",
            "Unauthenticated",
            "FailedPrecondition",
            "Internal",
        ];
        let message = match error {
            OTelSdkError::InternalFailure(text) => text.clone(),
            other => other.to_string(),
        };
        let grpc = message.rsplit_once("gRPC code: ").map(|(_, rest)| rest);
        let final_grpc = grpc.is_some_and(|code| FINAL.iter().any(|f| code.starts_with(f)));
        let closed = message.contains(console::CLOSED);
        Self { retryable: !final_grpc && !final_http(&message) && !closed, message }
    }
}

/// Whether the text names an HTTP status after which OTLP forbids to send again.
fn final_http(message: &str) -> bool {
    let status = message.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 3);
    let status = status.and_then(|digits| digits.parse::<u16>().ok());
    message.contains("HTTP")
        && status.is_some_and(|s| s >= 300 && !matches!(s, 429 | 502 | 503 | 504))
}

//! The typed result of an export by `opentelemetry-otlp`.
//!
//! Its exporters return a failure as text, without the backend's `Retry-After`, and `Ok` for a partial
//! success, of which they only emit a `tracing` event. So each poll of an export runs under a
//! subscriber that receives this one event, and the HTTP client notes why a request failed. The text
//! remains for gRPC; a delay in gRPC's `RetryInfo` is not in it.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use opentelemetry_http::HttpError;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use tokio::runtime::Handle;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Event, LevelFilter, Metadata, Subscriber, dispatcher};

use super::batch_worker::ExportResult;
use super::retry::{ExportError, FailureKind};
use super::stats::Rejected;

/// What an export notes beside its result: what the backend rejected, or why a request by HTTP failed.
type Note = Result<Rejected, ExportError>;

thread_local! {
    /// The note of this thread's current poll.
    static NOTE: Cell<Option<Note>> = const { Cell::new(None) };
}

/// Runs one export, for `limit` at most.
pub(crate) async fn run(
    export: impl Future<Output = OTelSdkResult>,
    limit: Duration,
    handle: &Handle,
) -> ExportResult {
    let (mut export, mut note) = (pin!(export), None);
    let observed = poll_fn(|cx| {
        let _scope = dispatcher::set_default(&PARTIAL_SUCCESS);
        let polled = export.as_mut().poll(cx);
        note = NOTE.take().or_else(|| note.take());
        polled
    });
    let limited = {
        // The timer belongs to the export runtime, also if a thread of the SDK's polls it.
        let _entered = handle.enter();
        tokio::time::timeout(limit, observed)
    };
    match (limited.await, note) {
        (Ok(Ok(())), note) => Ok(note.and_then(Result::ok)),
        (Ok(Err(_)), Some(Err(failure))) => Err(failure),
        (Ok(Err(error)), _) => Err(from_text(&error)),
        (Err(_), _) => Err(ExportError::transient(format!("no response within {limit:?}"))),
    }
}

/// Notes why a request of the HTTP exporter failed, for the export that is being polled.
pub(crate) fn note_http(result: &Result<http::Response<Bytes>, HttpError>) {
    let failure = match result {
        Ok(response) if response.status().is_success() => return,
        Ok(response) => {
            ExportError::from_http_status(response.status(), retry_after(response.headers()))
        }
        Err(error) => ExportError::transient(root_cause(error.as_ref())),
    };
    NOTE.set(Some(Err(failure)));
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The last cause, which is the one that says most: `Connection refused`, not `transport error`.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    without_os_code(&root.to_string()).to_owned()
}

fn without_os_code(text: &str) -> &str {
    text.split(" (os error").next().unwrap_or_default()
}

/// The class of a gRPC status (<https://opentelemetry.io/docs/specs/otlp/#failures>), by its name in
/// the exporter's text. The status of a failed transport is followed by its causes. A backend may
/// mean with `ResourceExhausted` that it recovers; whether it says so is in `RetryInfo`, which is not
/// known here: it is tried again.
fn from_text(error: &OTelSdkError) -> ExportError {
    let text = match error {
        OTelSdkError::InternalFailure(text) => text.clone(),
        other => other.to_string(),
    };
    let Some((_, status)) = text.split_once("gRPC code: ") else {
        return ExportError::refused(text);
    };
    if let Some((_, mut cause)) = status.split_once(": ") {
        // The layers of tonic name themselves above the cause.
        while let Some(("transport error" | "tcp connect error", rest)) = cause.split_once(": ") {
            cause = rest;
        }
        return ExportError::transient(without_os_code(cause));
    }
    let kind = match status {
        "Cancelled" | "DeadlineExceeded" | "ResourceExhausted" | "Aborted" | "OutOfRange"
        | "Unavailable" | "DataLoss" => FailureKind::Transient,
        "Unimplemented" => FailureKind::Unsupported,
        _ => FailureKind::Refused,
    };
    ExportError { message: format!("gRPC status {status}"), kind }
}

/// One for all exports: each new subscriber makes `tracing` ask about every event of the program again.
static PARTIAL_SUCCESS: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(PartialSuccess));

struct PartialSuccess;

impl Subscriber for PartialSuccess {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.name().ends_with("PartialSuccess")
    }

    /// The event is a warning. Lower levels, at which HTTP/2 traces every frame, are not looked at.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        if self.enabled(event.metadata()) {
            let mut rejected = Rejected::default();
            event.record(&mut Fields(&mut rejected));
            NOTE.set(Some(Ok(rejected)));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut Rejected);

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name().starts_with("rejected_") {
            self.0.count = u64::try_from(value).unwrap_or(0);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "error_message" {
            value.clone_into(&mut self.0.message);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn failure(text: &str) -> ExportError {
        from_text(&OTelSdkError::InternalFailure(text.to_owned()))
    }

    #[test]
    fn each_grpc_status_has_the_class_that_otlp_gives_it() {
        use tonic::Code::*;
        let kind = |code: tonic::Code| {
            failure(&format!("TonicTracesClient export failed with gRPC code: {code:?}")).kind
        };
        for code in [
            Cancelled,
            DeadlineExceeded,
            ResourceExhausted,
            Aborted,
            OutOfRange,
            Unavailable,
            DataLoss,
        ] {
            assert_eq!(kind(code), FailureKind::Transient, "{code:?}");
        }
        for code in [
            Unknown,
            InvalidArgument,
            NotFound,
            AlreadyExists,
            PermissionDenied,
            FailedPrecondition,
            Internal,
            Unauthenticated,
        ] {
            assert_eq!(kind(code), FailureKind::Refused, "{code:?}");
        }
        assert_eq!(kind(Unimplemented), FailureKind::Unsupported);
    }

    #[test]
    fn a_failed_transport_is_transient_and_its_last_cause_is_the_message() {
        for (causes, message) in [
            (
                "transport error: tcp connect error: tcp connect error: Connection refused (os error 111)",
                "Connection refused",
            ),
            (
                "transport error: invalid peer certificate: UnknownIssuer",
                "invalid peer certificate: UnknownIssuer",
            ),
        ] {
            // Whatever status it is given.
            for code in ["Unavailable", "Unknown"] {
                let text = format!("X export failed with gRPC code: {code}: {causes}");
                assert_eq!(failure(&text), ExportError::transient(message));
            }
        }
    }

    #[test]
    fn a_failure_that_is_neither_of_grpc_nor_of_http_is_not_retried() {
        assert_eq!(failure("the body is too large"), ExportError::refused("the body is too large"));
    }

    #[test]
    fn an_http_backend_names_a_pause_in_seconds_or_as_a_date() {
        let retry_after = |value: &str| {
            let value = HeaderValue::from_str(value).expect("a header");
            super::retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]))
        };
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let pause = retry_after(&date).expect("a date");
        assert!((98..=100).contains(&pause.as_secs()), "{pause:?}");
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}

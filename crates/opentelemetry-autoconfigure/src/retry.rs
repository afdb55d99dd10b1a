//! Failed exports: whether and when to try again
//! (<https://opentelemetry.io/docs/specs/otlp/#failures>).

use std::time::Duration;

use http::StatusCode;

/// The longest pause that a backend can ask for.
const LONGEST_THROTTLE: Duration = Duration::from_secs(30);

/// The percentage of a pause that is added at random, so that clients of one collector do not retry in step.
const JITTER: u32 = 20;

/// A failed export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExportError {
    /// The cause, without text of the backend's, which may repeat a secret.
    pub message: String,
    /// What follows from it.
    pub kind: FailureKind,
}

/// What follows from a failed export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The same export may succeed later.
    Transient,
    /// As `Transient`, but not before this time has passed.
    Throttled(Duration),
    /// The backend refuses this export: it must not be tried again.
    Refused,
    /// As `Refused`: the backend does not accept the signal, or not at this address.
    Unsupported,
}

impl ExportError {
    /// An error after which the export may be tried again.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Transient }
    }

    /// An error after which the export must not be tried again.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Refused }
    }

    /// The meaning of an HTTP status other than success. `retry_after` is the time that a
    /// `Retry-After` header names.
    #[must_use]
    pub fn from_http_status(status: StatusCode, retry_after: Option<Duration>) -> Self {
        let kind = match (status.as_u16(), retry_after) {
            (429 | 503, Some(time)) => FailureKind::Throttled(time.min(LONGEST_THROTTLE)),
            (429 | 502 | 503 | 504, _) => FailureKind::Transient,
            (404, _) => FailureKind::Unsupported,
            _ => FailureKind::Refused,
        };
        Self { message: format!("HTTP status {}", status.as_u16()), kind }
    }

    /// Whether the export must not be tried again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.kind, FailureKind::Refused | FailureKind::Unsupported)
    }

    /// The pause before the next try.
    #[must_use]
    pub fn pause(&self, backoff: &mut Backoff) -> Duration {
        let pause = backoff.pause();
        match self.kind {
            FailureKind::Throttled(time) => pause.max(time),
            _ => pause,
        }
    }
}

/// Exponential backoff with jitter: the pauses between tries.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins with `first` and doubles each pause, up to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { longest, next: first }
    }

    /// The next pause, of which up to a fifth is random.
    #[must_use]
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause * fastrand::u32(100..=100 + JITTER) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(500));
        for at_least in [100, 200, 400, 500, 500] {
            let pause = backoff.pause();
            assert!((ms(at_least)..=ms(at_least * 6 / 5)).contains(&pause), "{pause:?}");
        }
    }

    #[test]
    fn each_http_status_has_the_class_that_otlp_gives_it() {
        let second = Duration::from_secs(1);
        let kind = |status, retry_after| {
            let status = StatusCode::from_u16(status).expect("a status");
            ExportError::from_http_status(status, retry_after).kind
        };
        for status in [429, 502, 503, 504] {
            assert_eq!(kind(status, None), FailureKind::Transient, "{status}");
        }
        for status in [429, 503] {
            assert_eq!(kind(status, Some(second)), FailureKind::Throttled(second), "{status}");
        }
        for status in [301, 400, 401, 403, 405, 413, 500, 501] {
            assert_eq!(kind(status, Some(second)), FailureKind::Refused, "{status}");
        }
        assert_eq!(kind(404, None), FailureKind::Unsupported);
    }

    #[test]
    fn a_backend_can_lengthen_a_pause_within_a_bound_but_not_shorten_it() {
        let pause = |asked| {
            let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(5));
            let asked = Some(Duration::from_secs(asked));
            let status = StatusCode::TOO_MANY_REQUESTS;
            ExportError::from_http_status(status, asked).pause(&mut backoff)
        };
        assert!(pause(1) >= Duration::from_secs(2));
        assert_eq!(pause(9), Duration::from_secs(9));
        assert_eq!(pause(3_600), LONGEST_THROTTLE);
    }
}

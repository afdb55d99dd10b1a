//! When to try an export and when to leave it, where nobody can wait for a collector.
//!
//! There is one try a request and no more. After one has failed there is none at all for a while.

use std::time::{Duration, Instant};

use opentelemetry_autoconfigure::ExporterStatus;
use opentelemetry_autoconfigure::State;

/// How long nothing is tried after a failure; twice as long after each that follows, so that one
/// slow moment costs few spans and an outage few tries.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What became of the tries so far.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// No try before this time.
    until: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    error: Option<String>,
    state: State,
    exported: usize,
    lost: usize,
    /// Lost since the last success.
    lost_now: usize,
    /// One line is enough for what every try would tell.
    told: bool,
}

impl Attempts {
    /// Whether to try now; if not, `count` items are lost.
    pub(crate) fn may_try(&mut self, now: Instant, count: usize) -> bool {
        let paused = self.until.is_some_and(|until| now < until);
        if paused {
            self.lose(count);
        }
        !paused
    }

    /// Takes note of a try with `count` items. It logs a line when an outage is seen for the second
    /// time, and one when it ends: at the first time, this may be one process of thousands, each of
    /// which serves one request.
    pub(crate) fn ended(&mut self, result: Result<(), String>, now: Instant, count: usize) {
        let Err(error) = result else {
            if self.told {
                log::info!("spans are exported again; {} were lost", self.lost_now);
            }
            let (exported, lost) = (self.exported + count, self.lost);
            *self = Self { state: State::Ok, exported, lost, ..Self::default() };
            return;
        };
        self.lose(count);
        if self.failures > 0 && !self.told {
            log::warn!("spans are not exported: {error}; {} lost so far", self.lost_now);
            self.told = true;
        } else {
            log::debug!("spans are not exported: {error}; {count} lost");
        }
        // Past 2^10 the longest pause counts in any case.
        let pause = PAUSE * 2_u32.pow(self.failures.min(10));
        self.until = Some(now + pause.min(LONGEST_PAUSE));
        self.failures += 1;
        self.error = Some(error);
        self.state = State::Failing;
    }

    fn lose(&mut self, count: usize) {
        self.lost += count;
        self.lost_now += count;
    }

    /// The same for the page, beside what the exporter is.
    pub(crate) fn status(&self, of: ExporterStatus) -> ExporterStatus {
        let (exported, dropped) = (self.exported as u64, self.lost as u64);
        let detail = self.error.clone().or(of.detail);
        ExporterStatus { state: self.state, exported, dropped, detail, ..of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<(), String> {
        Err("refused".to_owned())
    }

    #[test]
    fn each_failure_in_a_row_doubles_the_pause_up_to_the_longest() {
        let mut attempts = Attempts::default();
        let mut now = Instant::now();
        for pause in [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            assert!(attempts.may_try(now, 1), "the pause before {pause} ms has passed");
            attempts.ended(refused(), now, 1);
            now += Duration::from_millis(pause);
            assert!(!attempts.may_try(now.checked_sub(Duration::from_millis(1)).unwrap(), 1));
        }
    }

    #[test]
    fn a_success_ends_the_pauses_and_nothing_lost_is_forgotten() {
        let mut attempts = Attempts::default();
        let now = Instant::now();
        let idle = || ExporterStatus::idle("traces", "otlp", None);
        assert_eq!(attempts.status(idle()).state, State::Idle);
        attempts.ended(refused(), now, 2);
        assert!(!attempts.may_try(now, 3));
        let status = attempts.status(idle());
        assert_eq!((status.state, status.exported, status.dropped), (State::Failing, 0, 5));
        assert_eq!(status.detail.as_deref(), Some("refused"));
        attempts.ended(Ok(()), now, 7);
        let status = attempts.status(idle());
        assert_eq!((status.state, status.exported, status.dropped), (State::Ok, 7, 5));
        assert!(attempts.may_try(now, 1) && status.detail.is_none());
        // The next pause is the first one again.
        attempts.ended(refused(), now, 1);
        assert!(attempts.may_try(now + PAUSE, 1));
    }
}

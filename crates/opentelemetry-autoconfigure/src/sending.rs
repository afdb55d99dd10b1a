//! What a lane's task knows of its exports: what is held, when to try again, who waits.

use std::collections::VecDeque;
use std::sync::mpsc;
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use tokio::time::Instant;

/// The pause after a first failed export; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause: a collector that returns is found within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// From one turn to the next.
pub(super) struct State {
    /// Batches that failed and may be sent again.
    pub(super) held: VecDeque<Vec<SpanData>>,
    /// While there is a time, nothing is sent: the collector is away.
    pub(super) retry_at: Option<Instant>,
    pause: Duration,
    /// Who waits for a flush.
    pub(super) flushes: Vec<mpsc::Sender<OTelSdkResult>>,
    /// Spans of the queue that were there when the flush was asked for.
    pub(super) to_flush: usize,
    /// The last failure since the flush was asked for.
    pub(super) flush_result: Result<(), String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            held: VecDeque::new(),
            retry_at: None,
            pause: FIRST_PAUSE,
            flushes: Vec::new(),
            to_flush: 0,
            flush_result: Ok(()),
        }
    }
}

impl State {
    /// Everything is to be sent now: what is held, and this many spans of the queue.
    pub(super) fn flush(&mut self, asked: Vec<mpsc::Sender<OTelSdkResult>>, queued: usize) {
        if self.flushes.is_empty() {
            self.flush_result = Ok(());
        }
        self.flushes.extend(asked);
        self.to_flush = queued;
        self.retry_at = None;
    }

    pub(super) fn went_well(&mut self) {
        self.pause = FIRST_PAUSE;
    }

    /// After a failure one batch goes alone: it finds out whether the collector is back.
    pub(super) fn at_once(&self, most: usize) -> usize {
        if self.pause > FIRST_PAUSE { 1 } else { most }
    }

    /// Keeps a batch for another try. Of several that fail together, the first sets the pause.
    pub(super) fn hold(&mut self, spans: Vec<SpanData>) {
        self.held.push_back(spans);
        if self.retry_at.is_none() {
            self.retry_at = Some(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Tells those who wait for a flush how it went, and whether there were any.
    pub(super) fn answer_flushes(&mut self) -> bool {
        let result = std::mem::replace(&mut self.flush_result, Ok(()));
        let asked = !self.flushes.is_empty();
        for flush in self.flushes.drain(..) {
            // Who asked may have stopped waiting.
            let _ = flush.send(match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(OTelSdkError::InternalFailure(error.clone())),
            });
        }
        asked
    }
}

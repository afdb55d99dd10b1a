//! One exporter of spans: its queue, its batches, its retries.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::config::Batching;
use super::failure::Failure;
use super::outage::{Health, Loss};
use super::partial;
use super::sending::State;

/// The queue in front of one exporter.
///
/// A batch that could not be exported is held and sent again, so an outage costs no span until
/// the queue is full; from then on the newest spans are dropped, and counted.
#[derive(Debug)]
pub(crate) struct Lane {
    settings: Batching,
    export_timeout: Duration,
    queue: Mutex<Queue>,
    wake: Notify,
    pub(crate) health: Health,
}

#[derive(Debug, Default)]
struct Queue {
    spans: VecDeque<SpanData>,
    /// When the oldest span came.
    since: Option<Instant>,
    flushes: Vec<mpsc::Sender<OTelSdkResult>>,
    /// Spans taken from the queue and neither exported nor dropped yet.
    in_flight: u64,
    /// Given up: what is still on its way is counted as dropped already.
    abandoned: bool,
}

impl Lane {
    pub(crate) fn new(settings: Batching, export_timeout: Duration, health: Health) -> Arc<Self> {
        Arc::new(Self {
            settings,
            export_timeout,
            queue: Mutex::default(),
            wake: Notify::new(),
            health,
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes spans as far as there is room, and counts the others as dropped.
    pub(crate) fn push(&self, spans: impl ExactSizeIterator<Item = SpanData>) {
        let mut queue = self.queue();
        if queue.abandoned {
            self.health.dropped(Loss::AlreadyShutdown, spans.len() as u64);
            return;
        }
        let before = queue.spans.len();
        let room = self.settings.queue.saturating_sub(before);
        let too_many = spans.len().saturating_sub(room);
        queue.spans.extend(spans.take(room));
        let len = queue.spans.len();
        if before == 0 && len > 0 {
            queue.since = Some(Instant::now());
        }
        drop(queue);
        if too_many > 0 {
            self.health.dropped(Loss::QueueFull, too_many as u64);
        }
        if before == 0 || len >= self.settings.batch {
            self.wake.notify_one();
        }
    }

    /// Spans that wait, those of an export on its way included.
    pub(crate) fn waiting(&self) -> u64 {
        let queue = self.queue();
        queue.spans.len() as u64 + queue.in_flight
    }

    /// Asks for everything to be exported now; the receiver gets the result.
    pub(crate) fn flush(&self) -> mpsc::Receiver<OTelSdkResult> {
        let (sender, receiver) = mpsc::channel();
        let mut queue = self.queue();
        if queue.abandoned {
            // There is nothing left, and nobody to answer. The receiver is there to be sent to.
            let _ = sender.send(Err(OTelSdkError::AlreadyShutdown));
        } else {
            queue.flushes.push(sender);
        }
        drop(queue);
        self.wake.notify_one();
        receiver
    }

    /// Gives up what has not been exported, counts it as dropped, and exports nothing more.
    pub(crate) fn abandon(&self) {
        let mut queue = self.queue();
        queue.abandoned = true;
        let left = queue.spans.len() as u64 + queue.in_flight;
        queue.spans.clear();
        queue.in_flight = 0;
        drop(queue);
        self.health.gave_up(left);
        self.wake.notify_one();
    }

    /// Exports until the lane is abandoned, with up to `at_once` batches on their way: one at a
    /// time, a collector that takes 100 ms gets ten batches a second and no more.
    pub(crate) async fn run(self: Arc<Self>, exporter: impl SpanExporter, at_once: usize) {
        let mut sending = FuturesUnordered::new();
        let mut state = State::default();
        while !self.heed(&mut state) {
            let at_once = state.at_once(at_once);
            while sending.len() < at_once
                && let Some(spans) = self.next_batch(&mut state)
            {
                sending.push(self.export(&exporter, spans));
            }
            // Everything has gone out, or what is left has to wait.
            if sending.is_empty() && state.answer_flushes() {
                continue;
            }
            let deadline = match state.retry_at {
                None if sending.len() >= at_once => None,
                None => self.queue().since.map(|since| since + self.settings.delay),
                at => at,
            };
            tokio::select! {
                Some((spans, result)) = sending.next() => self.sent(spans, result, &mut state),
                () = self.wake.notified() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    state.retry_at = None;
                }
            }
        }
    }

    /// Takes note of who asked for a flush, and tells whether the end has come.
    fn heed(&self, state: &mut State) -> bool {
        let mut queue = self.queue();
        if !queue.flushes.is_empty() {
            state.flush(std::mem::take(&mut queue.flushes), queue.spans.len());
        }
        queue.abandoned
    }

    /// What is to be sent now: a batch that failed before, else the next of the queue; an incomplete
    /// one only on a flush or when it has waited long enough.
    fn next_batch(&self, state: &mut State) -> Option<Vec<SpanData>> {
        if state.retry_at.is_some() {
            return None;
        }
        if let Some(spans) = state.held.pop_front() {
            return Some(spans);
        }
        let flushing = !state.flushes.is_empty();
        if flushing && state.to_flush == 0 {
            // What came after the flush was asked for must not keep it from its end.
            return None;
        }
        let mut queue = self.queue();
        let due = queue.since.is_some_and(|since| since.elapsed() >= self.settings.delay);
        let len = queue.spans.len().min(self.settings.batch);
        if len == 0 || len < self.settings.batch && !flushing && !due {
            return None;
        }
        let spans = queue.spans.drain(..len).collect();
        if queue.spans.is_empty() {
            queue.since = None;
            // A burst should not hold its memory for ever.
            if queue.spans.capacity() > 4 * self.settings.batch {
                queue.spans.shrink_to(self.settings.batch);
            }
        }
        queue.in_flight += len as u64;
        state.to_flush = state.to_flush.saturating_sub(len);
        Some(spans)
    }

    /// Sends a batch, and gives it back with what came of it.
    async fn export(
        &self,
        exporter: &impl SpanExporter,
        spans: Vec<SpanData>,
    ) -> (Vec<SpanData>, Result<(), Failure>) {
        // The exporter consumes its batch; the other copy is what can be sent again.
        let export = partial::listening(exporter.export(spans.clone()));
        // An exporter's fault must not end all exporting.
        let export = AssertUnwindSafe(export).catch_unwind();
        let result = match timeout(self.export_timeout, export).await {
            Ok(Ok((Ok(()), rejected))) => {
                let count = spans.len() as u64;
                self.settle(count, |health| health.took(count, rejected.as_ref()));
                Ok(())
            }
            Ok(Ok((Err(error), _))) => Err(Failure::of(&error)),
            Ok(Err(_panic)) => {
                Err(Failure { message: "the exporter panicked".into(), retryable: false })
            }
            Err(_elapsed) => {
                let message = format!("no answer within {:?}", self.export_timeout);
                Err(Failure { message, retryable: true })
            }
        };
        (spans, result)
    }

    /// Draws the conclusions from an export that has ended.
    fn sent(&self, spans: Vec<SpanData>, result: Result<(), Failure>, state: &mut State) {
        let Err(Failure { message, retryable }) = result else {
            state.went_well();
            return;
        };
        self.health.failed(&message);
        state.flush_result = Err(message);
        if retryable {
            state.hold(spans);
        } else {
            let count = spans.len() as u64;
            self.settle(count, |health| health.dropped(Loss::Failed, count));
        }
    }

    /// Counts what became of spans that were in flight, unless they are counted as lost.
    fn settle(&self, count: u64, tell: impl FnOnce(&Health)) {
        let mut queue = self.queue();
        if queue.abandoned {
            return;
        }
        queue.in_flight -= count;
        drop(queue);
        tell(&self.health);
    }
}

//! One exporter of spans: its queue, its batches, its retries.
//!
//! A batch whose export fails is held and sent again, so an outage loses no span until the queue is
//! full. From then on the newest spans are dropped, and counted.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::config::BatchConfig;
use super::lock;
use super::retry::{Backoff, ExportError, FailureKind};
use super::stats::{DropReason, ExporterStats, Rejected};

/// The pauses between tries: short for a moment's interruption, and a collector that returns after
/// an outage is found within five seconds.
const EXPORT_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Retries of an export that something waits for: a flush, or a processor of the SDK's.
const MAX_RETRIES: u32 = 3;

/// What is left of such an export's retries.
#[derive(Debug)]
pub(crate) struct Retries {
    pub(crate) backoff: Backoff,
    left: u32,
    /// `None` if there is no limit.
    deadline: Option<Instant>,
}

impl Retries {
    /// Retries that begin before the timeout.
    pub(crate) fn within(timeout: Duration) -> Self {
        let deadline = Instant::now().checked_add(timeout);
        Self { backoff: EXPORT_BACKOFF, left: MAX_RETRIES, deadline }
    }

    /// Whether there is one more retry, after a pause.
    pub(crate) fn allow(&mut self, pause: Duration) -> bool {
        let in_time = self.deadline.is_none_or(|deadline| Instant::now() + pause < deadline);
        let allowed = in_time && self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

/// The result of one export. `Ok` holds what the backend rejected of it.
pub(crate) type ExportResult = Result<Option<Rejected>, ExportError>;

/// An exporter of spans with a typed result.
pub(crate) trait ExportSpans: Send + Sync {
    /// Exports a batch once.
    fn export(&self, spans: Vec<SpanData>) -> impl Future<Output = ExportResult> + Send;
}

/// The queue in front of one exporter, and the task that empties it.
#[derive(Debug)]
pub(crate) struct BatchWorker {
    config: BatchConfig,
    /// The limit of one export, and the time within which a flush retries.
    timeout: Duration,
    queue: Mutex<Queue>,
    /// Spans that are reserved, queued, in flight or held: never more than `config.queue`.
    pending: AtomicUsize,
    wake: Notify,
    pub(crate) stats: Arc<ExporterStats>,
}

#[derive(Debug, Default)]
struct Queue {
    spans: VecDeque<SpanData>,
    /// The arrival of the oldest span.
    since: Option<Instant>,
    flushes: Vec<mpsc::Sender<OTelSdkResult>>,
    /// After the shutdown: every pending span is counted as dropped already.
    abandoned: bool,
}

impl BatchWorker {
    pub(crate) fn new(config: BatchConfig, timeout: Duration, stats: Arc<ExporterStats>) -> Self {
        Self {
            config,
            timeout,
            queue: Mutex::default(),
            pending: AtomicUsize::new(0),
            wake: Notify::new(),
            stats,
        }
    }

    /// The spans that wait for their export, those in flight included.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Reserves room for spans, which must be pushed next, and counts those without room as
    /// dropped. Must not be called by two threads at once.
    pub(crate) fn reserve(&self, spans: usize) -> usize {
        let reserved = spans.min(self.config.queue.saturating_sub(self.pending()));
        self.pending.fetch_add(reserved, Ordering::Relaxed);
        self.stats.dropped(DropReason::QueueFull, (spans - reserved) as u64);
        reserved
    }

    /// Queues spans for which there is a reservation.
    pub(crate) fn push(&self, spans: impl Iterator<Item = SpanData>) {
        let mut queue = lock(&self.queue);
        let before = queue.spans.len();
        queue.spans.extend(spans);
        let len = queue.spans.len();
        if before == 0 && len > 0 {
            queue.since = Some(Instant::now());
        }
        drop(queue);
        if before == 0 || len >= self.config.batch {
            self.wake.notify_one();
        }
    }

    /// Requests the export of everything that is pending. The receiver gets the result.
    pub(crate) fn flush(&self) -> mpsc::Receiver<OTelSdkResult> {
        let (sender, receiver) = mpsc::channel();
        let mut queue = lock(&self.queue);
        if queue.abandoned {
            // The receiver exists, so this cannot fail.
            let _ = sender.send(Err(OTelSdkError::AlreadyShutdown));
        } else {
            queue.flushes.push(sender);
        }
        drop(queue);
        self.wake.notify_one();
        receiver
    }

    /// Counts everything that is pending as dropped, and ends the task.
    pub(crate) fn abandon(&self) {
        let mut queue = lock(&self.queue);
        queue.abandoned = true;
        queue.spans.clear();
        let left = self.pending.swap(0, Ordering::Relaxed);
        drop(queue);
        self.stats.abandoned(left as u64);
        self.wake.notify_one();
    }

    /// Exports until the worker is abandoned, with up to `concurrency` exports in flight.
    pub(crate) async fn run<E: ExportSpans>(self: Arc<Self>, exporter: E, concurrency: usize) {
        let mut in_flight = FuturesUnordered::new();
        let mut state = Progress {
            held: VecDeque::new(),
            retry_at: None,
            throttled: false,
            probing: false,
            backoff: EXPORT_BACKOFF,
            flush: None,
        };
        while !self.accept_flushes(&mut state) {
            let limit = if state.probing { 1 } else { concurrency };
            while in_flight.len() < limit
                && let Some(batch) = self.next_batch(&mut state)
            {
                in_flight.push(export(&exporter, batch));
            }
            if in_flight.is_empty() && state.answer_flush() {
                continue;
            }
            let deadline = match state.retry_at {
                None if in_flight.len() >= limit => None,
                None => {
                    lock(&self.queue).since.and_then(|since| since.checked_add(self.config.delay))
                }
                at => at,
            };
            tokio::select! {
                Some((batch, result)) = in_flight.next() => self.exported(batch, result, &mut state),
                () = self.wake.notified() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    state.retry_at = None;
                    state.throttled = false;
                }
            }
        }
    }

    /// Takes note of requested flushes. Returns whether the worker is abandoned.
    fn accept_flushes(&self, state: &mut Progress) -> bool {
        let mut queue = lock(&self.queue);
        if queue.flushes.is_empty() {
            return queue.abandoned;
        }
        let flush = state.flush.get_or_insert_with(|| Flush {
            waiters: Vec::new(),
            spans: 0,
            retries: Retries::within(self.timeout),
            gave_up: false,
            result: Ok(()),
        });
        flush.waiters.append(&mut queue.flushes);
        flush.spans = queue.spans.len();
        match state.retry_at {
            Some(at) if state.throttled => {
                let pause = at.saturating_duration_since(Instant::now());
                flush.give_up_unless_allowed(pause, "the backend asked for a pause");
            }
            _ => state.retry_at = None,
        }
        queue.abandoned
    }

    /// The next batch to export: one that failed before, else the oldest spans of the queue. An
    /// incomplete batch is due on a flush, or after the delay.
    fn next_batch(&self, state: &mut Progress) -> Option<Vec<SpanData>> {
        if state.retry_at.is_some() {
            return None;
        }
        if let Some(batch) = state.held.pop_front() {
            return Some(batch);
        }
        // Spans that end during a flush must not prolong it.
        let flushing = state.flush.as_ref().map(|flush| flush.spans);
        if flushing == Some(0) {
            return None;
        }
        let mut queue = lock(&self.queue);
        let due = queue.since.is_some_and(|since| since.elapsed() >= self.config.delay);
        let count = queue.spans.len().min(self.config.batch);
        if count == 0 || count < self.config.batch && flushing.is_none() && !due {
            return None;
        }
        let spans = queue.spans.drain(..count).collect();
        if queue.spans.is_empty() {
            queue.since = None;
            // The memory of a burst is returned.
            if queue.spans.capacity() > 4 * self.config.batch {
                queue.spans.shrink_to(self.config.batch);
            }
        }
        drop(queue);
        if let Some(flush) = &mut state.flush {
            flush.spans = flush.spans.saturating_sub(count);
        }
        Some(spans)
    }

    /// Decides what follows from an export.
    fn exported(&self, batch: Vec<SpanData>, result: ExportResult, state: &mut Progress) {
        let count = batch.len() as u64;
        match result {
            Ok(rejected) => {
                if self.settle(batch.len()) {
                    self.stats.accepted(count, rejected.as_ref());
                }
                state.backoff = EXPORT_BACKOFF;
                state.probing = false;
            }
            Err(error) => {
                self.stats.failed(&error);
                if !error.is_final() {
                    return state.hold(batch, error);
                }
                if self.settle(batch.len()) {
                    self.stats.dropped(DropReason::ExportFailed, count);
                }
                if let Some(flush) = &mut state.flush {
                    flush.result = Err(error.message);
                }
            }
        }
    }

    /// Ends the wait of spans. Returns false if they are counted as dropped already.
    fn settle(&self, spans: usize) -> bool {
        let queue = lock(&self.queue);
        if !queue.abandoned {
            self.pending.fetch_sub(spans, Ordering::Relaxed);
        }
        !queue.abandoned
    }
}

/// Exports a batch, and returns it with the result: the exporter consumes one, and a retry needs
/// one. A panic of the exporter must not end all exports.
async fn export(
    exporter: &impl ExportSpans,
    batch: Vec<SpanData>,
) -> (Vec<SpanData>, ExportResult) {
    let export = AssertUnwindSafe(exporter.export(batch.clone())).catch_unwind().await;
    (batch, export.unwrap_or_else(|_| Err(ExportError::refused("the exporter panicked"))))
}

/// The task's knowledge of its exports, from one turn to the next.
struct Progress {
    /// Batches that failed and may be exported again.
    held: VecDeque<Vec<SpanData>>,
    /// Nothing is exported before this time.
    retry_at: Option<Instant>,
    /// Whether the backend asked for this pause: a flush does not cut it short.
    throttled: bool,
    /// After a failure one batch goes alone, to find out whether the collector is back.
    probing: bool,
    backoff: Backoff,
    flush: Option<Flush>,
}

struct Flush {
    waiters: Vec<mpsc::Sender<OTelSdkResult>>,
    /// The spans of the queue that the flush includes.
    spans: usize,
    retries: Retries,
    gave_up: bool,
    result: Result<(), String>,
}

impl Progress {
    /// Keeps a batch for another try. Of several that fail together, the first sets the pause.
    fn hold(&mut self, batch: Vec<SpanData>, error: ExportError) {
        self.held.push_back(batch);
        self.probing = true;
        if self.retry_at.is_some() {
            return;
        }
        let flush = self.flush.as_mut().map(|flush| &mut flush.retries.backoff);
        let pause = error.pause(flush.unwrap_or(&mut self.backoff));
        self.throttled = matches!(error.kind, FailureKind::Throttled(_));
        self.retry_at = Some(Instant::now() + pause);
        if let Some(flush) = &mut self.flush {
            flush.give_up_unless_allowed(pause, &error.message);
        }
    }

    /// Answers a flush that has exported everything or has given up. Returns whether there was one.
    fn answer_flush(&mut self) -> bool {
        let is_over = |flush: &mut Flush| flush.gave_up || self.retry_at.is_none();
        let Some(flush) = self.flush.take_if(is_over) else { return false };
        for waiter in flush.waiters {
            // The other side may have stopped waiting.
            let _ = waiter.send(flush.result.clone().map_err(OTelSdkError::InternalFailure));
        }
        true
    }
}

impl Flush {
    fn give_up_unless_allowed(&mut self, pause: Duration, reason: &str) {
        if !self.retries.allow(pause) {
            self.gave_up = true;
            self.result = Err(reason.to_owned());
        }
    }
}

//! One exporter of spans: its queue, its batches, its retries.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::config::Batching;
use super::outage::{Health, Loss};
use super::partial::Rejected;

/// The pause after a first failed export; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause: a collector that returns is found within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a lane leads to.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Spans as they are sent, and sent again after a failure.
    type Batch: Send + Sync + 'static;

    /// Batches that may be on their way at once.
    const AT_ONCE: usize;

    /// Makes a batch of spans, and leaves their list empty.
    fn prepare(&self, spans: &mut Vec<SpanData>) -> Self::Batch;

    /// Sends a batch, and tells what of it the backend did not take.
    fn send(
        &self,
        batch: &Self::Batch,
    ) -> impl Future<Output = Result<Option<Rejected>, Failure>> + Send;
}

/// Why an export failed, and whether the same batch may be sent again.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) retryable: bool,
}

/// What there is to say of a backend that says nothing.
pub(crate) fn no_answer(limit: Duration) -> String {
    format!("no answer within {limit:?}")
}

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

/// A batch on its way, or held for another try.
struct Taken<B> {
    batch: B,
    count: u64,
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

    /// Exports until the lane is abandoned.
    pub(crate) async fn run<S: Sink>(self: Arc<Self>, sink: S) {
        let mut sending = FuturesUnordered::new();
        // Filled for each batch anew.
        let mut list = Vec::new();
        let mut held: VecDeque<Taken<S::Batch>> = VecDeque::new();
        let mut flushes: Vec<mpsc::Sender<OTelSdkResult>> = Vec::new();
        let mut flush_result = Ok(());
        let mut pause = FIRST_PAUSE;
        // While there is one, nothing is sent: the collector is away.
        let mut retry_at: Option<Instant> = None;
        loop {
            let asked = std::mem::take(&mut self.queue().flushes);
            if !asked.is_empty() {
                flushes.extend(asked);
                retry_at = None;
            }
            if self.queue().abandoned {
                return;
            }
            let flushing = !flushes.is_empty();
            // After a failure one batch goes alone: it finds out whether the collector is back.
            let at_once = if pause > FIRST_PAUSE { 1 } else { S::AT_ONCE };
            while retry_at.is_none() && sending.len() < at_once {
                let taken = match held.pop_front() {
                    Some(taken) => taken,
                    None if self.take_batch(flushing, &mut list) => {
                        let count = list.len() as u64;
                        Taken { count, batch: sink.prepare(&mut list) }
                    }
                    None => break,
                };
                sending.push(self.export(&sink, taken));
            }
            // Everything has gone out, or what is left has to wait.
            if flushing && sending.is_empty() {
                for flush in flushes.drain(..) {
                    // Who asked may have stopped waiting.
                    let _ = flush.send(match &flush_result {
                        Ok(()) => Ok(()),
                        Err(error) => Err(OTelSdkError::InternalFailure(String::clone(error))),
                    });
                }
                flush_result = Ok(());
                continue;
            }
            let deadline = match retry_at {
                Some(at) => Some(at),
                None if sending.len() >= at_once => None,
                None => self.queue().since.map(|since| since + self.settings.delay),
            };
            let ended = tokio::select! {
                ended = sending.next(), if !sending.is_empty() => ended,
                () = self.wake.notified() => None,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    retry_at = None;
                    None
                }
            };
            match ended {
                None => {}
                Some((_, Ok(()))) => pause = FIRST_PAUSE,
                Some((taken, Err(failure))) => {
                    self.health.failed(&failure.message);
                    if flushing {
                        flush_result = Err(failure.message);
                    }
                    if failure.retryable {
                        held.push_back(taken);
                        // Of several that fail together, the first sets the pause.
                        if retry_at.is_none() {
                            retry_at = Some(Instant::now() + pause);
                            pause = (pause * 2).min(LONGEST_PAUSE);
                        }
                    } else {
                        self.settle(taken.count, |health| {
                            health.dropped(Loss::Failed, taken.count);
                        });
                    }
                }
            }
        }
    }

    /// Takes the next batch into `list`; an incomplete one only on a flush or when it has waited
    /// long enough.
    fn take_batch(&self, flush: bool, list: &mut Vec<SpanData>) -> bool {
        let mut queue = self.queue();
        let due = queue.since.is_some_and(|since| since.elapsed() >= self.settings.delay);
        let len = queue.spans.len().min(self.settings.batch);
        if len == 0 || len < self.settings.batch && !flush && !due {
            return false;
        }
        list.extend(queue.spans.drain(..len));
        if queue.spans.is_empty() {
            queue.since = None;
            // A burst should not hold its memory for ever.
            if queue.spans.capacity() > 4 * self.settings.batch {
                queue.spans.shrink_to(self.settings.batch);
            }
        }
        queue.in_flight += len as u64;
        true
    }

    /// Sends a batch, and gives it back with what came of it.
    async fn export<S: Sink>(
        &self,
        sink: &S,
        taken: Taken<S::Batch>,
    ) -> (Taken<S::Batch>, Result<(), Failure>) {
        // An exporter's fault must not end all exporting.
        let send = AssertUnwindSafe(sink.send(&taken.batch)).catch_unwind();
        let failure = match timeout(self.export_timeout, send).await {
            Ok(Ok(Ok(rejected))) => {
                self.settle(taken.count, |health| health.took(taken.count, rejected.as_ref()));
                return (taken, Ok(()));
            }
            Ok(Ok(Err(failure))) => failure,
            Ok(Err(_panic)) => {
                Failure { message: "the exporter panicked".into(), retryable: false }
            }
            Err(_elapsed) => Failure { message: no_answer(self.export_timeout), retryable: true },
        };
        (taken, Err(failure))
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

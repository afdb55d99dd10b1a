//! One exporter of spans: its queue, its batches, its retries.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::config::Batching;
use super::console;
use super::outage::{Health, Loss};
use super::partial::{self, Rejected};

/// The pause after a first failed export; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause: a collector that returns is found within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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
    stop: Notify,
    /// Spans taken from the queue and neither exported nor dropped yet. Whoever sets it to 0 tells
    /// what became of them: the exporter's answer, or the shutdown that does not wait for it.
    in_flight: AtomicU64,
    pub(crate) health: Health,
}

#[derive(Debug, Default)]
struct Queue {
    spans: VecDeque<SpanData>,
    /// When the oldest span came.
    since: Option<Instant>,
    flushes: Vec<mpsc::Sender<OTelSdkResult>>,
}

impl Lane {
    pub(crate) fn new(settings: Batching, export_timeout: Duration, health: Health) -> Arc<Self> {
        Arc::new(Self {
            settings,
            export_timeout,
            queue: Mutex::default(),
            wake: Notify::new(),
            stop: Notify::new(),
            in_flight: AtomicU64::new(0),
            health,
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes spans as far as there is room, and counts the others as dropped.
    pub(crate) fn push(&self, spans: impl ExactSizeIterator<Item = SpanData>) {
        let mut queue = self.queue();
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
        self.queue().spans.len() as u64 + self.in_flight.load(Ordering::Relaxed)
    }

    /// Asks for everything to be exported now; the receiver gets the result.
    pub(crate) fn flush(&self) -> mpsc::Receiver<OTelSdkResult> {
        let (sender, receiver) = mpsc::channel();
        self.queue().flushes.push(sender);
        self.wake.notify_one();
        receiver
    }

    /// Gives up what has not been exported, counts it as dropped, and exports nothing more.
    pub(crate) fn abandon(&self) {
        self.stop.notify_one();
        let left = self.queue().spans.drain(..).len() as u64;
        self.health.gave_up(left + self.in_flight.swap(0, Ordering::Relaxed));
    }

    /// Exports until it is [abandoned](Self::abandon).
    pub(crate) async fn run(self: Arc<Self>, exporter: impl SpanExporter) {
        tokio::select! {
            () = self.export_on(exporter) => {}
            () = self.stop.notified() => {}
        }
    }

    async fn export_on(&self, exporter: impl SpanExporter) {
        let mut held = Vec::new();
        let mut pause = FIRST_PAUSE;
        let mut retry_at = None;
        loop {
            self.wait(retry_at).await;
            let flushes = std::mem::take(&mut self.queue().flushes);
            let result = self.export_all(&exporter, &mut held, !flushes.is_empty()).await;
            retry_at = (!held.is_empty()).then(|| Instant::now() + pause);
            pause = if held.is_empty() { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            for flush in flushes {
                // Who asked may have stopped waiting.
                let _ = flush.send(match &result {
                    Ok(()) => Ok(()),
                    Err(error) => Err(OTelSdkError::InternalFailure(error.clone())),
                });
            }
        }
    }

    /// Until there is a reason to export: a full batch, an old span, a flush, or time to retry.
    async fn wait(&self, retry_at: Option<Instant>) {
        loop {
            let deadline = {
                let queue = self.queue();
                if !queue.flushes.is_empty() {
                    return;
                }
                match retry_at {
                    Some(at) => Some(at),
                    None if queue.spans.len() >= self.settings.batch => return,
                    None => queue.since.map(|since| since + self.settings.delay),
                }
            };
            match deadline {
                None => self.wake.notified().await,
                Some(at) => tokio::select! {
                    () = sleep_until(at) => return,
                    () = self.wake.notified() => {}
                },
            }
        }
    }

    /// Exports what is held and what is queued until the queue is empty or an export fails that
    /// may be tried again. Of several failures, the last is told.
    async fn export_all(
        &self,
        exporter: &impl SpanExporter,
        held: &mut Vec<SpanData>,
        flush: bool,
    ) -> Result<(), String> {
        let mut result = Ok(());
        loop {
            if held.is_empty() {
                *held = self.take_batch(flush);
            }
            if held.is_empty() {
                return result;
            }
            // The exporter consumes its batch; the copy is what can be sent again.
            let answer = self.export(exporter, held.clone()).await;
            if let Err(Failure { message, retryable: true }) = answer {
                self.health.failed(&message);
                return Err(message);
            }
            held.clear();
            let count = self.in_flight.swap(0, Ordering::Relaxed);
            match answer {
                Ok(rejected) => self.health.took(count, rejected.as_ref()),
                Err(Failure { message, .. }) => {
                    self.health.failed(&message);
                    self.health.dropped(Loss::Failed, count);
                    result = Err(message);
                }
            }
        }
    }

    /// The next batch; an incomplete one only on a flush or when it has waited long enough.
    fn take_batch(&self, flush: bool) -> Vec<SpanData> {
        let mut queue = self.queue();
        let due = queue.since.is_some_and(|since| since.elapsed() >= self.settings.delay);
        let len = queue.spans.len().min(self.settings.batch);
        if len < self.settings.batch && !flush && !due {
            return Vec::new();
        }
        let batch: Vec<_> = queue.spans.drain(..len).collect();
        if queue.spans.is_empty() {
            queue.since = None;
            // A burst should not hold its memory for ever.
            queue.spans.shrink_to(self.settings.batch);
        }
        self.in_flight.store(len as u64, Ordering::Relaxed);
        batch
    }

    async fn export(
        &self,
        exporter: &impl SpanExporter,
        batch: Vec<SpanData>,
    ) -> Result<Option<Rejected>, Failure> {
        // An exporter's fault must not end all exporting.
        let export = AssertUnwindSafe(partial::listening(exporter.export(batch))).catch_unwind();
        match timeout(self.export_timeout, export).await {
            Ok(Ok((Ok(()), rejected))) => Ok(rejected),
            Ok(Ok((Err(error), _))) => Err(Failure::of(&error)),
            Ok(Err(_panic)) => {
                Err(Failure { message: "the exporter panicked".into(), retryable: false })
            }
            Err(_elapsed) => {
                let message = format!("no answer within {:?}", self.export_timeout);
                Err(Failure { message, retryable: true })
            }
        }
    }
}

/// Why an export failed, and whether the same batch may be sent again.
struct Failure {
    message: String,
    retryable: bool,
}

impl Failure {
    /// The OTLP specification names what is final; the exporters tell it in their text only.
    fn of(error: &OTelSdkError) -> Self {
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

//! The span processor: from the thread that ends a span to the exporters and the listeners.
//!
//! It stands in place of the SDK's batch processor, which drops in silence, allocates its queue
//! ahead and drives exports on a thread that may need the application's runtime. Here a span's end
//! costs one lock and one push; everything else happens on the telemetry's own runtime.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::Notify;

use super::basics::truncate;
use super::lane::Lane;
use super::outage::Loss;

/// How long spans gather before they are handed on: short for a person who waits for the page,
/// long for a processor that makes 20,000 spans a second.
const GATHER: Duration = Duration::from_millis(100);

/// Spans that are handed on without waiting.
const GATHER_SPANS: usize = 512;

/// What a flush may take: an export's own retries included.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Receives ended spans in batches, on the export runtime or on a thread that flushes.
///
/// It sees a batch at most 100 ms after the first of its spans has ended.
pub trait SpanListener: std::fmt::Debug + Send + Sync {
    /// Spans in the order in which they ended.
    fn on_batch(&self, spans: &[SpanData]);

    /// The resource that all spans belong to; called once, before any batch.
    fn set_resource(&self, resource: &Resource) {
        let _ = resource;
    }
}

/// Hands ended spans to every exporter and to every listener.
#[derive(Clone, Debug)]
pub(crate) struct SpanPipeline(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    inbox: Mutex<Inbox>,
    /// Held while spans move on, so that they keep their order. Its list takes the inbox's place
    /// and is empty again afterwards: so that neither has to grow each time.
    moving: Mutex<Vec<SpanData>>,
    wake: Notify,
    lanes: Vec<Arc<Lane>>,
    listeners: Vec<Arc<dyn SpanListener>>,
    value_length: Option<usize>,
    /// Spans that may gather while the telemetry's runtime has no time for them.
    most: usize,
}

#[derive(Debug, Default)]
struct Inbox {
    spans: Vec<SpanData>,
    closed: bool,
}

impl SpanPipeline {
    pub(crate) fn new(
        lanes: Vec<Arc<Lane>>,
        listeners: Vec<Arc<dyn SpanListener>>,
        value_length: Option<usize>,
        most: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            inbox: Mutex::default(),
            moving: Mutex::default(),
            wake: Notify::new(),
            lanes,
            listeners,
            value_length,
            most,
        }))
    }

    /// Hands spans on for as long as the runtime lives.
    pub(crate) async fn run(self) {
        loop {
            self.0.wake.notified().await;
            if self.inbox().spans.len() < GATHER_SPANS {
                // A second notice means that there are enough.
                let _ = tokio::time::timeout(GATHER, self.0.wake.notified()).await;
            }
            self.hand_on();
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what has gathered to the exporters' queues and the listeners.
    pub(crate) fn hand_on(&self) {
        let mut moving = self.0.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let spans = &mut *moving;
        std::mem::swap(spans, &mut self.inbox().spans);
        if spans.is_empty() {
            return;
        }
        if let Some(limit) = self.0.value_length {
            for span in spans.iter_mut() {
                truncate(span, limit);
            }
        }
        for listener in &self.0.listeners {
            listener.on_batch(spans);
        }
        // Every exporter but the last needs a copy.
        if let Some((last, others)) = self.0.lanes.split_last() {
            for lane in others {
                lane.push(spans.iter().cloned());
            }
            last.push(spans.drain(..));
        }
        spans.clear();
        // A burst should not hold its memory for ever.
        if spans.capacity() > 8 * GATHER_SPANS {
            spans.shrink_to(GATHER_SPANS);
        }
    }

    pub(crate) fn lanes(&self) -> &[Arc<Lane>] {
        &self.0.lanes
    }

    fn flush(&self, timeout: Duration) -> OTelSdkResult {
        self.hand_on();
        let deadline = Instant::now() + timeout;
        let waiting: Vec<mpsc::Receiver<_>> = self.0.lanes.iter().map(|l| l.flush()).collect();
        let mut first_error = Ok(());
        // Every lane is waited for; the first error is told.
        for receiver in waiting {
            let left = deadline.saturating_duration_since(Instant::now());
            let result = receiver.recv_timeout(left);
            first_error = first_error.and(result.unwrap_or(Err(OTelSdkError::Timeout(timeout))));
        }
        first_error
    }
}

impl SpanProcessor for SpanPipeline {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let mut inbox = self.inbox();
        if inbox.closed || inbox.spans.len() >= self.0.most {
            let loss = if inbox.closed { Loss::AlreadyShutdown } else { Loss::QueueFull };
            drop(inbox);
            self.0.lanes.iter().for_each(|lane| lane.health.dropped(loss, 1));
            return;
        }
        inbox.spans.push(span);
        let gathered = inbox.spans.len();
        drop(inbox);
        if gathered == 1 || gathered == GATHER_SPANS {
            self.0.wake.notify_one();
        }
    }

    /// Blocks until everything has been exported or has failed: not for a thread of the
    /// telemetry's runtime.
    fn force_flush(&self) -> OTelSdkResult {
        self.flush(FLUSH_TIMEOUT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let result = self.flush(timeout);
        self.inbox().closed = true;
        self.hand_on();
        self.0.lanes.iter().for_each(|lane| lane.abandon());
        result
    }

    fn set_resource(&mut self, resource: &Resource) {
        for listener in &self.0.listeners {
            listener.set_resource(resource);
        }
    }
}

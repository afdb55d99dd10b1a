//! The span processor: from the thread that ends a span to the exporters and the listeners.
//!
//! It replaces the SDK's batch processor, which drops spans without counting them, allocates its whole queue
//! in advance and exports on a thread that may need the application's runtime. Here the end of a
//! span costs one lock and one push; everything else happens on the export runtime.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::Notify;

use super::batch_worker::BatchWorker;
use super::config::SpanLimits;
use super::lock;
use super::stats::DropReason;

/// The time that spans wait for others: short for a person who waits for a page, long for a
/// processor that ends 20,000 spans per second.
const DELIVERY_DELAY: Duration = Duration::from_millis(100);

/// The number of spans that are delivered without waiting for others.
const DELIVERY_SPANS: usize = 512;

/// The limit of a flush, with the retries of its exports.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Receives ended spans in batches, on the export runtime or on a thread that flushes.
///
/// A batch comes at most 100 ms after the end of its first span.
pub trait SpanListener: std::fmt::Debug + Send + Sync {
    /// Receives spans in the order in which they ended.
    fn on_batch(&self, spans: &[SpanData]);

    /// Receives the resource of all spans, once, before any batch.
    fn set_resource(&self, resource: &Resource) {
        let _ = resource;
    }
}

/// Delivers ended spans to every exporter and every listener.
#[derive(Clone, Debug)]
pub(crate) struct BufferingSpanProcessor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    inbox: Mutex<Inbox>,
    /// Held during a delivery, so that spans keep their order. Its list takes the inbox's place and
    /// is empty again afterwards: neither has to grow each time.
    delivery: Mutex<Vec<SpanData>>,
    wake: Notify,
    workers: Vec<Arc<BatchWorker>>,
    listeners: Vec<Arc<dyn SpanListener>>,
    limits: SpanLimits,
    /// The limit of the spans that wait for one exporter, those in the inbox included.
    capacity: usize,
}

#[derive(Debug, Default)]
struct Inbox {
    spans: Vec<SpanData>,
    closed: bool,
}

impl Inner {
    /// Whether no exporter has room for another span. The number of pending spans grows under the
    /// inbox's lock only, so together they never exceed the capacity.
    fn is_full(&self, inbox: &Inbox) -> bool {
        let pending = self.workers.iter().map(|worker| worker.pending()).min().unwrap_or(0);
        inbox.spans.len() + pending >= self.capacity
    }
}

impl BufferingSpanProcessor {
    pub(crate) fn new(
        workers: Vec<Arc<BatchWorker>>,
        listeners: Vec<Arc<dyn SpanListener>>,
        limits: SpanLimits,
        capacity: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            inbox: Mutex::default(),
            delivery: Mutex::default(),
            wake: Notify::new(),
            workers,
            listeners,
            limits,
            capacity,
        }))
    }

    /// Delivers spans for as long as the runtime lives.
    pub(crate) async fn run(self) {
        loop {
            self.0.wake.notified().await;
            if lock(&self.0.inbox).spans.len() < DELIVERY_SPANS {
                // A second notification means that there are enough.
                let _ = tokio::time::timeout(DELIVERY_DELAY, self.0.wake.notified()).await;
            }
            self.deliver();
        }
    }

    /// Delivers the spans of the inbox to the exporters' queues and the listeners.
    pub(crate) fn deliver(&self) {
        let mut spans = lock(&self.0.delivery);
        let mut inbox = lock(&self.0.inbox);
        if inbox.spans.is_empty() {
            return;
        }
        std::mem::swap(&mut *spans, &mut inbox.spans);
        let reserved: Vec<_> =
            self.0.workers.iter().map(|worker| worker.reserve(spans.len())).collect();
        drop(inbox);

        spans.iter_mut().for_each(|span| self.0.limits.truncate(span));
        for listener in &self.0.listeners {
            listener.on_batch(&spans);
        }
        // Every exporter but the last needs a copy.
        let mut exporters = self.0.workers.iter().zip(reserved);
        let last = exporters.next_back();
        for (worker, reserved) in exporters {
            worker.push(spans.iter().take(reserved).cloned());
        }
        if let Some((worker, reserved)) = last {
            worker.push(spans.drain(..reserved));
        }
        spans.clear();
        // The memory of a burst is returned.
        if spans.capacity() > 8 * DELIVERY_SPANS {
            spans.shrink_to(DELIVERY_SPANS);
        }
    }

    pub(crate) fn workers(&self) -> &[Arc<BatchWorker>] {
        &self.0.workers
    }

    fn flush(&self, timeout: Duration) -> OTelSdkResult {
        self.deliver();
        let deadline = Instant::now() + timeout;
        let flushes: Vec<mpsc::Receiver<_>> = self.0.workers.iter().map(|w| w.flush()).collect();
        let mut first_error = Ok(());
        for flush in flushes {
            let left = deadline.saturating_duration_since(Instant::now());
            let result = flush.recv_timeout(left);
            first_error = first_error.and(result.unwrap_or(Err(OTelSdkError::Timeout(timeout))));
        }
        first_error
    }
}

impl SpanProcessor for BufferingSpanProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let mut inbox = lock(&self.0.inbox);
        if inbox.closed || self.0.is_full(&inbox) {
            let reason =
                if inbox.closed { DropReason::AlreadyShutdown } else { DropReason::QueueFull };
            drop(inbox);
            self.0.workers.iter().for_each(|worker| worker.stats.dropped(reason, 1));
            return;
        }
        inbox.spans.push(span);
        let waiting = inbox.spans.len();
        drop(inbox);
        if waiting == 1 || waiting == DELIVERY_SPANS {
            self.0.wake.notify_one();
        }
    }

    /// Blocks until everything is exported or has failed. Not for a thread of the export runtime.
    fn force_flush(&self) -> OTelSdkResult {
        self.flush(FLUSH_TIMEOUT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let result = self.flush(timeout);
        lock(&self.0.inbox).closed = true;
        self.deliver();
        // With no delivery under way, every reservation has been pushed.
        let _delivery = lock(&self.0.delivery);
        self.0.workers.iter().for_each(|worker| worker.abandon());
        result
    }

    fn set_resource(&mut self, resource: &Resource) {
        for listener in &self.0.listeners {
            listener.set_resource(resource);
        }
    }
}

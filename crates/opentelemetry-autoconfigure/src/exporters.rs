//! What the exporters of all signals share: a typed result, a limit in time, and counts.
//!
//! Spans are exported by a [`BatchWorker`](super::batch_worker::BatchWorker), which retries. Metrics and log
//! records are exported by processors of the SDK's, which do not: their exporters retry themselves.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::batch_worker::{ExportResult, ExportSpans, Retries};
use super::export_result;
use super::retry::ExportError;
use super::stats::{Destination, DropReason, ExporterStats};

/// An exporter of `opentelemetry-otlp` or `opentelemetry-stdout`.
#[derive(Debug)]
pub(crate) struct CountedExporter<E> {
    pub(crate) inner: E,
    pub(crate) stats: Arc<ExporterStats>,
    pub(crate) timeout: Duration,
    pub(crate) handle: Handle,
}

impl<E> CountedExporter<E> {
    /// Exports once.
    async fn export_once(&self, export: impl Future<Output = OTelSdkResult>) -> ExportResult {
        if self.stats.destination != Destination::Console {
            return export_result::run(export, self.timeout, &self.handle).await;
        }
        // `opentelemetry-stdout` panics when standard output is closed. An empty line fails with an
        // error, and separates exports for the reader. A closed standard output stays closed.
        std::io::stdout()
            .write_all(b"\n")
            .map_err(|error| ExportError::refused(format!("standard output is closed: {error}")))?;
        export.await.map_err(|error| ExportError::refused(error.to_string()))?;
        Ok(None)
    }

    /// Exports with retries, and counts the result.
    async fn export_counted<F: Future<Output = OTelSdkResult>>(
        &self,
        count: u64,
        export: impl Fn() -> F,
    ) -> OTelSdkResult {
        let mut retries = Retries::within(self.timeout);
        loop {
            let error = match self.export_once(export()).await {
                Ok(rejected) => {
                    self.stats.accepted(count, rejected.as_ref());
                    return Ok(());
                }
                Err(error) => error,
            };
            self.stats.failed(&error);
            let pause = error.pause(&mut retries.backoff);
            if error.is_final() || !retries.allow(pause) {
                self.stats.dropped(DropReason::ExportFailed, count);
                return Err(OTelSdkError::InternalFailure(error.message));
            }
            let pause = {
                // A thread of the SDK's has no timer.
                let _entered = self.handle.enter();
                sleep(pause)
            };
            pause.await;
        }
    }
}

impl<E: SpanExporter> ExportSpans for CountedExporter<E> {
    async fn export(&self, spans: Vec<SpanData>) -> ExportResult {
        self.export_once(self.inner.export(spans)).await
    }
}

/// One export counts as one item: cumulative metrics lose nothing but resolution in time when it
/// fails.
impl<E: PushMetricExporter> PushMetricExporter for CountedExporter<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.stats.offered(1);
        self.export_counted(1, || self.inner.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

impl<E: LogExporter> LogExporter for CountedExporter<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let records: Vec<_> = batch.iter().collect();
        let export = || self.inner.export(LogBatch::new(&records));
        self.export_counted(records.len() as u64, export).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Counts the records for the processor after it, which is the SDK's and drops records silently
/// when its queue is full.
#[derive(Debug)]
pub(crate) struct CountOffered(pub(crate) Arc<ExporterStats>);

impl LogProcessor for CountOffered {
    fn emit(&self, _: &mut SdkLogRecord, _: &InstrumentationScope) {
        self.0.offered(1);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

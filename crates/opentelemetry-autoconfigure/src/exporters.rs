//! The exporters: OTLP and the console, for each signal.
//!
//! Spans are exported by a [`BatchWorker`](super::batch_worker::BatchWorker), which retries. Metrics and log
//! records are exported by processors of the SDK's, which do not: their exporters retry themselves.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::Severity;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::batch_worker::{EXPORT_BACKOFF, ExportSpans, Retries};
use super::export_result;
use super::retry::ExportError;
use super::stats::{DropReason, ExporterStats, Rejected};

/// Exports spans by OTLP.
#[derive(Debug)]
pub(crate) struct OtlpSpans {
    pub(crate) inner: opentelemetry_otlp::SpanExporter,
    pub(crate) timeout: Duration,
    pub(crate) handle: Handle,
}

impl ExportSpans for OtlpSpans {
    async fn export(&self, spans: Vec<SpanData>) -> Result<Option<Rejected>, ExportError> {
        export_result::run(self.inner.export(spans), self.timeout, &self.handle).await
    }
}

/// Exports metrics or log records by OTLP, with retries.
#[derive(Debug)]
pub(crate) struct OtlpPush<E> {
    pub(crate) inner: E,
    pub(crate) timeout: Duration,
    pub(crate) stats: Arc<ExporterStats>,
    pub(crate) handle: Handle,
}

impl<E> OtlpPush<E> {
    async fn push<F: Future<Output = OTelSdkResult>>(
        &self,
        count: u64,
        export: impl Fn() -> F,
    ) -> OTelSdkResult {
        let Self { timeout, stats, handle, .. } = self;
        let mut backoff = EXPORT_BACKOFF;
        let mut retries = Retries::within(*timeout);
        loop {
            let error = match export_result::run(export(), *timeout, handle).await {
                Ok(rejected) => {
                    stats.accepted(count, rejected.as_ref());
                    return Ok(());
                }
                Err(error) => error,
            };
            stats.failed(&error);
            let pause = error.pause(&mut backoff);
            if error.is_final() || !retries.allow(pause) {
                stats.dropped(DropReason::ExportFailed, count);
                return Err(OTelSdkError::InternalFailure(error.message));
            }
            let pause = {
                // A thread of the SDK's has no timer.
                let _entered = handle.enter();
                sleep(pause)
            };
            pause.await;
        }
    }
}

/// One export counts as one item: cumulative metrics lose nothing but resolution in time when it
/// fails.
impl PushMetricExporter for OtlpPush<opentelemetry_otlp::MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.stats.offered(1);
        self.push(1, || self.inner.export(metrics)).await
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

impl LogExporter for OtlpPush<opentelemetry_otlp::LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let records: Vec<_> = batch.iter().collect();
        self.push(records.len() as u64, || self.inner.export(LogBatch::new(&records))).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// An exporter of `opentelemetry-stdout`, which panics when standard output is closed: this writes
/// an empty line first, which fails with an error and separates exports for the reader.
#[derive(Debug)]
pub(crate) struct Console<E> {
    pub(crate) inner: E,
    pub(crate) stats: Arc<ExporterStats>,
}

/// Nobody reopens a closed standard output.
fn check_stdout() -> Result<(), ExportError> {
    std::io::stdout()
        .write_all(b"\n")
        .map_err(|error| ExportError::refused(format!("standard output is closed: {error}")))
}

impl<E> Console<E> {
    async fn print(&self, count: u64, print: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let printed = match check_stdout() {
            Ok(()) => print.await.map_err(|error| ExportError::refused(error.to_string())),
            Err(error) => Err(error),
        };
        printed.map(|()| self.stats.accepted(count, None)).map_err(|error| {
            self.stats.failed(&error);
            self.stats.dropped(DropReason::ExportFailed, count);
            OTelSdkError::InternalFailure(error.message)
        })
    }
}

impl ExportSpans for Console<opentelemetry_stdout::SpanExporter> {
    async fn export(&self, spans: Vec<SpanData>) -> Result<Option<Rejected>, ExportError> {
        check_stdout()?;
        let printed = self.inner.export(spans).await;
        printed.map(|()| None).map_err(|error| ExportError::refused(error.to_string()))
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Console<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.stats.offered(1);
        self.print(1, self.inner.export(metrics)).await
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

impl<E: LogExporter> LogExporter for Console<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.print(batch.iter().count() as u64, self.inner.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Counts the records that reach a processor of the SDK's, which drops records silently when its
/// queue is full.
#[derive(Debug)]
pub(crate) struct Counted<P> {
    pub(crate) inner: P,
    pub(crate) stats: Arc<ExporterStats>,
}

impl<P: LogProcessor> LogProcessor for Counted<P> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.stats.offered(1);
        self.inner.emit(record, scope);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.inner.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

//! The exporters: OTLP and the console, for each signal.
//!
//! Spans are exported by a [`BatchWorker`](super::batch_worker::BatchWorker), which retries. Metrics and log
//! records are exported by processors of the SDK's, which do not: their exporters retry themselves.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::Severity;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
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
use super::otlp_client::OtlpClient;
use super::retry::ExportError;
use super::stats::{DropReason, ExporterStats, Rejected};

/// Exports spans by OTLP.
#[derive(Debug)]
pub(crate) struct OtlpSpans {
    pub(crate) client: OtlpClient,
    pub(crate) resource: ResourceAttributesWithSchema,
}

impl ExportSpans for OtlpSpans {
    type Batch = Bytes;

    fn prepare(&self, spans: Vec<SpanData>) -> Bytes {
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        self.client.body(&ExportTraceServiceRequest { resource_spans })
    }

    async fn export(&self, batch: &Bytes) -> Result<Option<Rejected>, ExportError> {
        self.client.send(batch.clone()).await
    }
}

/// Exports metrics or log records by OTLP, with retries, on the export runtime.
#[derive(Clone, Debug)]
pub(crate) struct OtlpPush {
    pub(crate) client: OtlpClient,
    pub(crate) stats: Arc<ExporterStats>,
    pub(crate) handle: Handle,
}

impl OtlpPush {
    async fn push(&self, body: Bytes, count: u64) -> OTelSdkResult {
        let Self { client, stats, handle } = self.clone();
        let export = handle.spawn(async move {
            let mut backoff = EXPORT_BACKOFF;
            let mut retries = Retries::within(client.timeout);
            loop {
                let error = match client.send(body.clone()).await {
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
                sleep(pause).await;
            }
        });
        export.await.unwrap_or(Err(OTelSdkError::AlreadyShutdown))
    }
}

/// Exports metrics by OTLP. One export counts as one item: cumulative metrics lose nothing but
/// resolution in time when it fails.
#[derive(Debug)]
pub(crate) struct OtlpMetrics {
    pub(crate) push: OtlpPush,
    pub(crate) temporality: Temporality,
}

impl PushMetricExporter for OtlpMetrics {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.push.stats.offered(1);
        let body = self.push.client.body(&ExportMetricsServiceRequest::from(metrics));
        self.push.push(body, 1).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}

/// Exports log records by OTLP.
#[derive(Debug)]
pub(crate) struct OtlpLogs {
    pub(crate) push: OtlpPush,
    pub(crate) resource: ResourceAttributesWithSchema,
}

impl LogExporter for OtlpLogs {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count() as u64;
        let resource_logs = group_logs_by_resource_and_scope(&batch, &self.resource);
        let body = self.push.client.body(&ExportLogsServiceRequest { resource_logs });
        self.push.push(body, count).await
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
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
    type Batch = Vec<SpanData>;

    fn prepare(&self, spans: Vec<SpanData>) -> Vec<SpanData> {
        spans
    }

    async fn export(&self, spans: &Vec<SpanData>) -> Result<Option<Rejected>, ExportError> {
        check_stdout()?;
        let printed = self.inner.export(spans.clone()).await;
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

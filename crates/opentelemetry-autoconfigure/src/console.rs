//! The console's exporters, on a console that may be closed.

use std::io::Write;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// How the error begins that tells of a closed console. Nobody opens one again.
pub(crate) const CLOSED: &str = "standard output takes nothing";

/// An exporter of `opentelemetry-stdout`, which prints with `println!`: where nobody reads, that
/// panics, for metrics and logs in threads that must go on. So a line goes ahead, which fails as
/// an error, and sets the exports apart for people.
#[derive(Debug)]
pub(crate) struct Console<E>(pub(crate) E);

fn open() -> OTelSdkResult {
    let written = std::io::stdout().write_all(b"\n");
    written.map_err(|error| OTelSdkError::InternalFailure(format!("{CLOSED}: {error}")))
}

impl<E: SpanExporter> SpanExporter for Console<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        open()?;
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Console<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        open()?;
        self.0.export(metrics).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.0.temporality()
    }
}

impl<E: LogExporter> LogExporter for Console<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        open()?;
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

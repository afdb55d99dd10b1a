//! The one switch from configuration to exporters.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::Severity;
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as ExportLogs, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use tokio::runtime::Handle;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::background::BackgroundClient;
use super::config;
use super::otlp::{Otlp, Protocol};
use super::outage::{Health, Loss};
use super::partial;

/// The OTLP exporter of spans.
pub(crate) fn spans(otlp: &Otlp, handle: &Handle) -> anyhow::Result<SpanExporter> {
    Ok(match otlp.protocol {
        Protocol::Grpc => grpc(SpanExporter::builder().with_tonic(), otlp)?.build()?,
        Protocol::HttpProtobuf => {
            http(SpanExporter::builder().with_http(), otlp, handle)?.build()?
        }
    })
}

/// The OTLP exporter of metrics.
pub(crate) fn metrics(
    otlp: &Otlp,
    temporality: config::Temporality,
    handle: &Handle,
) -> anyhow::Result<MetricExporter> {
    let builder = MetricExporter::builder().with_temporality(match temporality {
        config::Temporality::Cumulative => Temporality::Cumulative,
        config::Temporality::Delta => Temporality::Delta,
        config::Temporality::LowMemory => Temporality::LowMemory,
    });
    Ok(match otlp.protocol {
        Protocol::Grpc => grpc(builder.with_tonic(), otlp)?.build()?,
        Protocol::HttpProtobuf => http(builder.with_http(), otlp, handle)?.build()?,
    })
}

/// The OTLP exporter of log records.
pub(crate) fn logs(otlp: &Otlp, handle: &Handle) -> anyhow::Result<LogExporter> {
    Ok(match otlp.protocol {
        Protocol::Grpc => grpc(LogExporter::builder().with_tonic(), otlp)?.build()?,
        Protocol::HttpProtobuf => {
            http(LogExporter::builder().with_http(), otlp, handle)?.build()?
        }
    })
}

fn grpc<B: WithTonicConfig + WithExportConfig>(builder: B, otlp: &Otlp) -> anyhow::Result<B> {
    let headers: http::HeaderMap = (&headers(otlp)).try_into()?;
    let mut builder = builder
        .with_endpoint(otlp.endpoint.to_string())
        .with_timeout(otlp.timeout)
        .with_metadata(MetadataMap::from_headers(headers));
    if otlp.gzip {
        builder = builder.with_compression(Compression::Gzip);
    }
    if otlp.endpoint.scheme_str() == Some("https") {
        let mut tls = ClientTlsConfig::new();
        tls = match &otlp.certificate {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_native_roots(),
        };
        if let Some((certificate, key)) = &otlp.client {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        builder = builder.with_tls_config(tls);
    }
    Ok(builder)
}

fn http<B: WithHttpConfig + WithExportConfig>(
    builder: B,
    otlp: &Otlp,
    handle: &Handle,
) -> anyhow::Result<B> {
    // A redirect would take spans, and the headers' secrets, to where nobody sent them.
    let mut client = crate::tls::client_for(otlp.endpoint.scheme_str().unwrap_or("http"))
        .timeout(otlp.timeout)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = &otlp.certificate {
        client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    if let Some((certificate, key)) = &otlp.client {
        let both = [certificate.as_slice(), key].concat();
        client = client.identity(reqwest::Identity::from_pem(&both)?);
    }
    let builder = builder
        .with_endpoint(otlp.endpoint.to_string())
        .with_timeout(otlp.timeout)
        .with_headers(headers(otlp))
        .with_http_client(BackgroundClient::new(client.build()?, handle.clone()));
    Ok(if otlp.gzip { builder.with_compression(Compression::Gzip) } else { builder })
}

fn headers(otlp: &Otlp) -> HashMap<String, String> {
    otlp.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

/// An exporter that tells its [`Health`] how each export went.
pub(crate) struct Watched<E> {
    pub(crate) inner: E,
    pub(crate) health: Arc<Health>,
}

impl<E> fmt::Debug for Watched<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("health", &self.health).finish_non_exhaustive()
    }
}

impl<E> Watched<E> {
    fn tell(
        &self,
        count: u64,
        (result, rejected): (OTelSdkResult, Option<partial::Rejected>),
    ) -> OTelSdkResult {
        match &result {
            Ok(()) => self.health.took(count, rejected.as_ref()),
            Err(error) => {
                self.health.failed(&error.to_string());
                self.health.dropped(Loss::Failed, count);
            }
        }
        result
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.health.offered(1);
        let export = partial::listening(self.inner.export(metrics)).await;
        // Cumulative metrics lose nothing but time resolution by a failed export: it is counted
        // as one.
        self.tell(1, export)
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

impl<E: ExportLogs> ExportLogs for Watched<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count() as u64;
        let export = partial::listening(self.inner.export(batch)).await;
        self.tell(count, export)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Counts the records that reach a processor: the SDK's drops those for which it has no room
/// without a word.
#[derive(Debug)]
pub(crate) struct Counted<P> {
    pub(crate) inner: P,
    pub(crate) health: Arc<Health>,
}

impl<P: LogProcessor> LogProcessor for Counted<P> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.health.offered(1);
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

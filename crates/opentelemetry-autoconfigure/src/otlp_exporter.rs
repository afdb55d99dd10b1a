//! The exporters of `opentelemetry-otlp`, built from the settings of a signal.
//!
//! Their own retries are disabled: there is one retry policy, in [`retry`](super::retry).

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, RetryPolicy, SpanExporter, WithExportConfig,
    WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::metrics::Temporality;
use tokio::runtime::Handle;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::export_result;
use super::otlp::{OtlpConfig, Protocol};
use super::signal::Signal;
use super::telemetry::BuildError;

type BoxError = Box<dyn Error + Send + Sync>;

macro_rules! build {
    ($signal:ident, $builder:expr, $config:ident, $handle:ident) => {{
        let build = || -> Result<_, BoxError> {
            Ok(match $config.protocol {
                Protocol::Grpc => grpc($builder.with_tonic(), $config)?.build()?,
                Protocol::HttpProtobuf => http($builder.with_http(), $config, $handle)?.build()?,
            })
        };
        build().map_err(|source| BuildError::Exporter { signal: Signal::$signal, source })
    }};
}

pub(crate) fn spans(config: &OtlpConfig, handle: &Handle) -> Result<SpanExporter, BuildError> {
    build!(Traces, SpanExporter::builder(), config, handle)
}

pub(crate) fn metrics(
    config: &OtlpConfig,
    temporality: Temporality,
    handle: &Handle,
) -> Result<MetricExporter, BuildError> {
    build!(Metrics, MetricExporter::builder().with_temporality(temporality), config, handle)
}

pub(crate) fn logs(config: &OtlpConfig, handle: &Handle) -> Result<LogExporter, BuildError> {
    build!(Logs, LogExporter::builder(), config, handle)
}

fn grpc<B: WithTonicConfig + WithExportConfig>(
    builder: B,
    config: &OtlpConfig,
) -> Result<B, BoxError> {
    let headers: http::HeaderMap = (&headers(config)).try_into()?;
    let mut builder = builder
        .with_endpoint(config.endpoint.uri.to_string())
        .with_timeout(longer_than(config.timeout))
        .with_retry_policy(RetryPolicy::disabled())
        .with_metadata(MetadataMap::from_headers(headers));
    if config.gzip {
        builder = builder.with_compression(Compression::Gzip);
    }
    if config.endpoint.uri.scheme_str() == Some("https") {
        let tls = ClientTlsConfig::new();
        let tls = match &config.tls.certificate {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_native_roots(),
        };
        builder = builder.with_tls_config(match &config.tls.client {
            Some((certificate, key)) => tls.identity(Identity::from_pem(certificate, key)),
            None => tls,
        });
    }
    Ok(builder)
}

fn http<B: WithHttpConfig + WithExportConfig>(
    builder: B,
    config: &OtlpConfig,
    handle: &Handle,
) -> Result<B, BoxError> {
    let client = ExportClient { client: http_client(config)?, handle: handle.clone() };
    let builder = builder
        .with_endpoint(config.endpoint.uri.to_string())
        .with_timeout(longer_than(config.timeout))
        .with_retry_policy(RetryPolicy::disabled())
        .with_headers(headers(config))
        .with_http_client(client);
    Ok(if config.gzip { builder.with_compression(Compression::Gzip) } else { builder })
}

/// The limit of the exporter itself: later than that of [`export_result`](super::export_result), whose
/// error names the time.
fn longer_than(limit: Duration) -> Duration {
    limit.saturating_add(Duration::from_secs(1))
}

fn headers(config: &OtlpConfig) -> HashMap<String, String> {
    config.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

fn http_client(config: &OtlpConfig) -> Result<reqwest::Client, BoxError> {
    // ring, unless the application has chosen a provider: reqwest needs one even without TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A redirect would send telemetry and the headers' secrets to an address that is not configured.
    let mut client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = &config.tls.certificate {
        client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?);
    } else if config.endpoint.uri.scheme_str() != Some("https") {
        // A client without TLS must start where there are no authorities, as in a minimal container.
        client = client.tls_certs_only([]);
    }
    if let Some((certificate, key)) = &config.tls.client {
        client =
            client.identity(reqwest::Identity::from_pem(&[certificate.as_slice(), key].concat())?);
    }
    Ok(client.build()?)
}

/// The part of a response that is read: more than a collector answers, too little to exhaust memory.
const LONGEST_RESPONSE: usize = 4 << 20;

/// reqwest on the export runtime, also for exporters that the SDK drives from plain threads.
#[derive(Clone, Debug)]
struct ExportClient {
    client: reqwest::Client,
    handle: Handle,
}

impl ExportClient {
    async fn send(
        client: reqwest::Client,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let mut response = client.execute(request.try_into()?).await?;
        let mut answer = http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            *headers = std::mem::take(response.headers_mut());
        }
        let mut body = Vec::new();
        while body.len() < LONGEST_RESPONSE
            && let Some(chunk) = response.chunk().await?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(answer.body(body.into())?)
    }
}

#[async_trait::async_trait]
impl HttpClient for ExportClient {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        // Log records of the client must not be exported, each of which would make others. The SDK
        // marks its threads so; the mark has to cross to this runtime.
        let quiet = Context::new().with_telemetry_suppressed();
        let send = Self::send(self.client.clone(), request).with_context(quiet);
        let result = self.handle.spawn(send).await?;
        export_result::note_http(&result);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_for_plain_http_needs_no_certificate_authorities() {
        assert!(http_client(&crate::Config::default().traces.otlp).is_ok());
    }
}

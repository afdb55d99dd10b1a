//! One OTLP request, by gRPC or HTTP: the typed result of an export.
//!
//! The exporters of `opentelemetry-otlp` turn every failure into a text: a backend's `RetryInfo`, the
//! status and a partial success are gone, and each try copies and encodes the batch again. Retrying
//! once, honouring the backend's delay and counting what is lost needs all of them. The messages
//! and their encoding are those of `opentelemetry-proto`.

use std::error::Error;
use std::time::{Duration, SystemTime};

use bytes::{Buf, BufMut, Bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::otlp::{OtlpConfig, Protocol};
use super::retry::{ExportError, FailureKind};
use super::signal::Signal;
use super::stats::Rejected;

const USER_AGENT: &str = concat!("OTel-Autoconfigure-Rust/", env!("CARGO_PKG_VERSION"));

/// The part of a response that is read: more than a collector answers, too little to exhaust memory.
const LONGEST_RESPONSE: usize = 4 << 20;

/// A client for one signal.
#[derive(Clone, Debug)]
pub(crate) struct OtlpClient {
    transport: Transport,
    /// The limit of one request.
    pub(crate) timeout: Duration,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one per exporter")]
enum Transport {
    Grpc { client: Grpc<Channel>, path: PathAndQuery, metadata: MetadataMap },
    Http { client: reqwest::Client, url: String, gzip: bool },
}

type BoxError = Box<dyn Error + Send + Sync>;

impl OtlpClient {
    /// Must be called in the context of the runtime that the client's connections run on.
    pub(crate) fn new(signal: Signal, config: &OtlpConfig) -> Result<Self, BoxError> {
        let transport = match config.protocol {
            Protocol::Grpc => grpc(signal, config)?,
            Protocol::HttpProtobuf => http(config)?,
        };
        Ok(Self { transport, timeout: config.timeout })
    }

    /// The body of a request, which is encoded once for all tries.
    pub(crate) fn body(&self, message: &impl Message) -> Bytes {
        let message = message.encode_to_vec();
        match &self.transport {
            Transport::Http { gzip: true, .. } => compress(&message),
            _ => message.into(),
        }
    }

    /// Sends a request once. `Ok` holds what the backend rejected of it.
    pub(crate) async fn send(&self, body: Bytes) -> Result<Option<Rejected>, ExportError> {
        // Log records of the transport must not be exported, each of which would make others.
        let quiet = Context::new().with_telemetry_suppressed();
        let request = async {
            match &self.transport {
                Transport::Grpc { client, path, metadata } => {
                    send_grpc(client.clone(), path.clone(), metadata.clone(), body).await
                }
                Transport::Http { client, url, gzip } => send_http(client, url, *gzip, body).await,
            }
        };
        let response = timeout(self.timeout, request.with_context(quiet)).await;
        let response = response.map_err(|_| {
            ExportError::transient(format!("no response within {:?}", self.timeout))
        })?;
        Ok(rejected(&response?))
    }
}

/// What a response calls rejected. The responses of the three signals have the same shape.
fn rejected(response: &[u8]) -> Option<Rejected> {
    // The backend has accepted the export, even if its response is not understood.
    let partial = ExportTraceServiceResponse::decode(response).ok()?.partial_success?;
    let count = u64::try_from(partial.rejected_spans).unwrap_or(0);
    let message = partial.error_message;
    (count > 0 || !message.is_empty()).then_some(Rejected { count, message })
}

fn compress(message: &[u8]) -> Bytes {
    use std::io::Write as _;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a vector does not fail.
    let _ = encoder.write_all(message);
    encoder.finish().unwrap_or_default().into()
}

fn headers(config: &OtlpConfig) -> Result<HeaderMap, BoxError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
    }
    Ok(headers)
}

/// The last cause, which is the one that says most: `Connection refused`, not `transport error`.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let text = root.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn grpc(signal: Signal, config: &OtlpConfig) -> Result<Transport, BoxError> {
    let mut endpoint =
        Endpoint::from_shared(config.endpoint.uri.to_string())?.user_agent(USER_AGENT)?;
    if config.endpoint.uri.scheme_str() == Some("https") {
        let tls = ClientTlsConfig::new();
        let tls = match &config.tls.certificate {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_native_roots(),
        };
        endpoint = endpoint.tls_config(match &config.tls.client {
            Some((certificate, key)) => tls.identity(Identity::from_pem(certificate, key)),
            None => tls,
        })?;
    }
    let mut client = Grpc::new(endpoint.connect_lazy());
    if config.gzip {
        let gzip = CompressionEncoding::Gzip;
        client = client.send_compressed(gzip).accept_compressed(gzip);
    }
    let path = PathAndQuery::from_static(match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    });
    Ok(Transport::Grpc { client, path, metadata: MetadataMap::from_headers(headers(config)?) })
}

async fn send_grpc(
    mut client: Grpc<Channel>,
    path: PathAndQuery,
    metadata: MetadataMap,
    body: Bytes,
) -> Result<Bytes, ExportError> {
    client.ready().await.map_err(|error| ExportError::transient(root_cause(&error)))?;
    let mut request = tonic::Request::new(body);
    *request.metadata_mut() = metadata;
    match client.unary(request, path, Encoded).await {
        Ok(response) => Ok(response.into_inner()),
        Err(status) => Err(grpc_error(&status)),
    }
}

/// The specification's class of each gRPC status. Its message is the backend's and may repeat a secret.
fn grpc_error(status: &Status) -> ExportError {
    // The transport's own status, which has a source: no response came.
    if let Some(source) = status.source() {
        return ExportError::transient(root_cause(source));
    }
    let code = status.code();
    let retry_delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let kind = match (code, retry_delay) {
        (Code::ResourceExhausted | Code::Unavailable, Some(delay)) => FailureKind::throttled(delay),
        (
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss,
            _,
        ) => FailureKind::Transient,
        (Code::Unimplemented, _) => FailureKind::Unsupported,
        _ => FailureKind::Refused,
    };
    ExportError { message: format!("gRPC status {code:?}"), kind }
}

/// A codec for messages that are encoded already.
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

fn http(config: &OtlpConfig) -> Result<Transport, BoxError> {
    // ring, unless the application has chosen a provider: reqwest needs one even without TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A redirect would send telemetry and the headers' secrets to an address that nobody configured.
    let mut client = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(headers(config)?)
        .redirect(reqwest::redirect::Policy::none());
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
    let url = config.endpoint.uri.to_string();
    Ok(Transport::Http { client: client.build()?, url, gzip: config.gzip })
}

async fn send_http(
    client: &reqwest::Client,
    url: &str,
    gzip: bool,
    body: Bytes,
) -> Result<Bytes, ExportError> {
    let mut request = client.post(url).header(CONTENT_TYPE, "application/x-protobuf").body(body);
    if gzip {
        request = request.header(CONTENT_ENCODING, "gzip");
    }
    let no_response =
        |error: reqwest::Error| ExportError::transient(root_cause(&error.without_url()));
    let mut response = request.send().await.map_err(no_response)?;
    if !response.status().is_success() {
        return Err(ExportError::from_http_status(
            response.status(),
            retry_after(response.headers()),
        ));
    }
    let mut body = Vec::new();
    while body.len() < LONGEST_RESPONSE
        && let Some(chunk) = response.chunk().await.map_err(no_response)?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn each_grpc_status_has_the_class_that_otlp_gives_it() {
        use Code::*;
        let kind = |code| grpc_error(&Status::new(code, "s3cret")).kind;
        for code in [Cancelled, DeadlineExceeded, Aborted, OutOfRange, Unavailable, DataLoss] {
            assert_eq!(kind(code), FailureKind::Transient, "{code:?}");
        }
        for code in [
            Unknown,
            InvalidArgument,
            NotFound,
            AlreadyExists,
            PermissionDenied,
            ResourceExhausted,
            FailedPrecondition,
            Internal,
            Unauthenticated,
        ] {
            assert_eq!(kind(code), FailureKind::Refused, "{code:?}");
        }
        assert_eq!(kind(Unimplemented), FailureKind::Unsupported);
    }

    #[test]
    fn a_grpc_backend_that_asks_for_a_pause_gets_it() {
        let pause = Duration::from_millis(1_500);
        for code in [Code::ResourceExhausted, Code::Unavailable] {
            let details = ErrorDetails::with_retry_info(Some(pause));
            let status = Status::with_error_details(code, "s3cret", details);
            let error = grpc_error(&status);
            assert_eq!(error.kind, FailureKind::Throttled(pause), "{code:?}");
            assert!(!error.message.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_http_backend_names_a_pause_in_seconds_or_as_a_date() {
        let retry_after = |value: &str| {
            let value = HeaderValue::from_str(value).expect("a header");
            super::retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]))
        };
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let pause = retry_after(&date).expect("a date");
        assert!((98..=100).contains(&pause.as_secs()), "{pause:?}");
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }

    #[test]
    fn a_partial_success_is_read_from_the_response_and_a_lie_about_it_is_harmless() {
        use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;
        let read = |rejected_spans, message: &str| {
            let error_message = message.to_owned();
            let partial = ExportTracePartialSuccess { rejected_spans, error_message };
            let response = ExportTraceServiceResponse { partial_success: Some(partial) };
            rejected(&response.encode_to_vec())
        };
        let two = Rejected { count: 2, message: "too long".to_owned() };
        assert_eq!(read(2, "too long"), Some(two));
        assert_eq!(read(0, ""), None);
        assert_eq!(read(-1, ""), None);
        assert_eq!(rejected(b"\xff\xff not a response"), None);
        assert_eq!(rejected(b""), None);
    }

    #[test]
    fn a_client_for_plain_http_needs_no_certificate_authorities() {
        let config = crate::Config::default();
        assert!(http(&config.traces.otlp).is_ok());
    }
}

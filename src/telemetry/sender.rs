//! Sends encoded spans to a collector: by gRPC or by HTTP, with the quick retries of OTLP.
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/>.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::HeaderMap;
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use tokio::time::{Instant, sleep};
use tonic::client::Grpc;
use tonic::codec::{
    BufferSettings, Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder,
};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::exporters;
use super::lane::{Failure, Sink, no_answer};
use super::otlp::{Otlp, Protocol};
use super::partial::Rejected;
use super::wire;

const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Who sends, as the specification asks exporters to tell.
const USER_AGENT: &str = concat!("OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));

/// Tries of one export beyond the first, as the SDK's exporters make them: from 100 ms on.
const QUICK_RETRIES: u32 = 3;
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// Added to each pause at random, so that many clients do not come back as one.
const JITTER_MS: u64 = 100;

/// The longest pause that a collector may ask for.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// More than any collector answers; what comes beyond it is not read.
const LONGEST_ANSWER: usize = 4 << 20;

/// The OTLP exporter of spans.
#[derive(Debug)]
pub(crate) struct SpanSender {
    transport: Transport,
    resource: Resource,
    /// For one export, its retries included.
    timeout: Duration,
}

#[derive(Debug)]
enum Transport {
    Grpc { grpc: Grpc<Channel>, path: PathAndQuery, metadata: MetadataMap },
    Http { client: reqwest::Client, otlp: Box<Otlp>, headers: HeaderMap },
}

/// What became of one try.
struct Refusal {
    failure: Failure,
    /// Worth another try soon, after this pause at the least.
    again: Option<Duration>,
}

impl SpanSender {
    pub(crate) fn new(otlp: &Otlp, resource: &Resource) -> anyhow::Result<Self> {
        let headers: HeaderMap = (&exporters::headers(otlp)).try_into()?;
        let transport = match otlp.protocol {
            Protocol::Grpc => {
                let mut endpoint = Endpoint::from_shared(otlp.endpoint.to_string())?
                    .user_agent(USER_AGENT)?
                    .timeout(otlp.timeout);
                if otlp.endpoint.scheme_str() == Some("https") {
                    endpoint = endpoint.tls_config(exporters::grpc_tls(otlp))?;
                }
                let mut grpc = Grpc::new(endpoint.connect_lazy());
                if otlp.gzip {
                    grpc = grpc
                        .send_compressed(CompressionEncoding::Gzip)
                        .accept_compressed(CompressionEncoding::Gzip);
                }
                let path = PathAndQuery::from_static(METHOD);
                Transport::Grpc { grpc, path, metadata: MetadataMap::from_headers(headers) }
            }
            Protocol::HttpProtobuf => Transport::Http {
                client: exporters::http_client(otlp)?.user_agent(USER_AGENT).build()?,
                otlp: Box::new(otlp.clone()),
                headers,
            },
        };
        Ok(Self { transport, resource: resource.clone(), timeout: otlp.timeout })
    }

    async fn send_once(&self, batch: &Bytes) -> Result<Bytes, Refusal> {
        match &self.transport {
            Transport::Grpc { grpc, path, metadata } => {
                let mut grpc = grpc.clone();
                let mut request = Request::new(batch.clone());
                *request.metadata_mut() = metadata.clone();
                let sent = async {
                    let ready = grpc.ready().await;
                    ready.map_err(|error| Status::unavailable(error.to_string()))?;
                    grpc.unary(request, path.clone(), AsItIs).await
                };
                sent.await.map(tonic::Response::into_inner).map_err(|status| refused(&status))
            }
            Transport::Http { client, otlp, headers } => {
                post(client, otlp, headers, batch.clone()).await
            }
        }
    }
}

impl Sink for SpanSender {
    type Batch = Bytes;

    /// Exports that may be on their way at once. With batches of 512, 20,000 spans a second reach
    /// a collector that takes 100 ms; one at a time would be 5,000.
    const AT_ONCE: usize = 8;

    fn prepare(&self, spans: &mut Vec<SpanData>) -> Bytes {
        let request = wire::export_request(&self.resource, spans);
        spans.clear();
        request
    }

    async fn send(&self, batch: &Bytes) -> Result<Option<Rejected>, Failure> {
        let started = Instant::now();
        let mut delay = FIRST_DELAY;
        for retry in 0.. {
            let refusal = match self.send_once(batch).await {
                Ok(answer) => return Ok(rejected(&answer)),
                Err(refusal) => refusal,
            };
            let Some(asked) = refusal.again.filter(|_| retry < QUICK_RETRIES) else {
                return Err(refusal.failure);
            };
            delay = delay.max(asked.min(LONGEST_DELAY));
            let pause = delay + Duration::from_millis(fastrand::u64(0..=JITTER_MS));
            if started.elapsed() + pause >= self.timeout {
                return Err(refusal.failure);
            }
            sleep(pause).await;
            delay *= 2;
        }
        unreachable!("the retries are counted")
    }
}

/// What the backend took the export without.
fn rejected(answer: &[u8]) -> Option<Rejected> {
    // Who answers with something else has taken the export all the same.
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let partial = answer.partial_success?;
    let count = u64::try_from(partial.rejected_spans).unwrap_or(0);
    let told = count > 0 || !partial.error_message.is_empty();
    told.then_some(Rejected { count, message: partial.error_message })
}

fn refused(status: &Status) -> Refusal {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let code = status.code();
    let mut message = format!("export failed with gRPC code: {code:?}");
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        // A text takes whatever is written to it.
        let _ = write!(message, ": {error}");
        source = error.source();
    }
    let again = match code {
        Code::ResourceExhausted => asked,
        Code::Unavailable
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss => Some(asked.unwrap_or_default()),
        _ => None,
    };
    let retryable = !matches!(
        code,
        Code::Unimplemented
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::Internal
    );
    Refusal { failure: Failure { message, retryable }, again }
}

async fn post(
    client: &reqwest::Client,
    otlp: &Otlp,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Bytes, Refusal> {
    let mut request = client
        .post(otlp.endpoint.to_string())
        .headers(headers.clone())
        .header(http::header::CONTENT_TYPE, "application/x-protobuf");
    let body = if otlp.gzip {
        request = request.header(http::header::CONTENT_ENCODING, "gzip");
        gzip(&body)
    } else {
        body
    };
    let unreachable = |error: reqwest::Error| {
        let message = if error.is_timeout() {
            no_answer(otlp.timeout)
        } else {
            // The address may hold credentials.
            format!("HTTP export failed: {:#}", anyhow::Error::new(error.without_url()))
        };
        Refusal { failure: Failure { message, retryable: true }, again: Some(Duration::ZERO) }
    };
    let mut response = request.body(body).send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    if !response.status().is_success() {
        let asked = response.headers().get(http::header::RETRY_AFTER);
        let asked = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retryable = matches!(status, 429 | 502 | 503 | 504);
        let message = format!("HTTP export failed with status code: {status}");
        let again = retryable.then(|| asked.map(Duration::from_secs).unwrap_or_default());
        return Err(Refusal { failure: Failure { message, retryable }, again });
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if answer.len() + chunk.len() > LONGEST_ANSWER {
            break;
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer.into())
}

fn gzip(body: &Bytes) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Memory does not refuse to be written to.
    let _ = std::io::Write::write_all(&mut encoder, body);
    encoder.finish().unwrap_or_default().into()
}

/// Messages that are encoded already, and answers that are decoded elsewhere.
#[derive(Clone, Copy, Debug, Default)]
struct AsItIs;

impl Codec for AsItIs {
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

impl Encoder for AsItIs {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        // As long as a usual batch: growing it by steps would copy it again and again.
        const BUFFER: usize = 384 << 10;
        BufferSettings::new(BUFFER, BUFFER)
    }
}

impl Decoder for AsItIs {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(answer.copy_to_bytes(answer.remaining())))
    }
}

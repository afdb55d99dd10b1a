//! One export: from the bytes of a request to the answer in its protocol and encoding.

use std::convert::Infallible;
use std::future::{self, Ready};
use std::io::Read as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Request, Response, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::behaviour::{Behaviour, Refusal};
use super::counting::Counts;
use super::data::{logs, metrics, spans};
use super::received::{Inbox, Received, ReceivedRequest};
use super::signal::{Signal, Transport};

/// What precedes a gRPC message: whether it is compressed, and its length in four bytes.
const GRPC_PREFIX: usize = 5;

pub(crate) type Body = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

/// Reads a request, does what the receiver's behaviour says, and answers.
pub(crate) async fn handle(
    request: Request<Incoming>,
    connection: usize,
    inbox: Arc<Inbox>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let signal = Signal::of_path(head.uri.path());
    let transport = Transport::of_content_type(&joined(&head.headers, &CONTENT_TYPE));
    let behaviour = signal.map_or(Behaviour::Unimplemented, |signal| inbox.behaviour(signal));
    let names = head.headers.keys();
    let request = ReceivedRequest {
        signal,
        transport,
        path: head.uri.path().to_owned(),
        headers: names.map(|name| (name.to_string(), joined(&head.headers, name))).collect(),
        behaviour: behaviour.clone(),
        connection,
        at: Instant::now(),
    };
    // Before anything can go wrong with it.
    inbox.change(|all| all.requests.push(request));
    let body = body.collect().await?.to_bytes();
    let export = match signal {
        None => Ok(Received::default()),
        Some(signal) => decode(signal, transport, &head.headers, body, inbox.counting),
    };
    let result = match export {
        Ok(export) => answer(transport, export, behaviour, &inbox).await,
        Err(refusal) => {
            inbox.change(|all| all.malformed.push(refusal.message.clone()));
            Err(refusal)
        }
    };
    Ok(result.unwrap_or_else(|refusal| refuse(transport, refusal)))
}

/// The values of a header, joined by commas; empty for none.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).into_iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(",")
}

fn decode(
    signal: Signal,
    transport: Transport,
    headers: &HeaderMap,
    body: Bytes,
    counting: bool,
) -> Result<Received, Refusal> {
    let message = message(transport, headers, body)?;
    let mut all = Received::default();
    match signal {
        Signal::Traces if counting => all.counts = Counts::of(message).map_err(malformed)?,
        Signal::Traces => all.spans = spans(Message::decode(message).map_err(malformed)?),
        Signal::Metrics => all.metrics = metrics(Message::decode(message).map_err(malformed)?),
        Signal::Logs => all.logs = logs(Message::decode(message).map_err(malformed)?),
    }
    Ok(all)
}

/// The body without framing and compression.
fn message(transport: Transport, headers: &HeaderMap, body: Bytes) -> Result<Bytes, Refusal> {
    let (encoding, message) = match transport {
        Transport::Grpc if body.len() < GRPC_PREFIX => return Err(malformed("no gRPC message")),
        Transport::Grpc if body[0] == 0 => (String::new(), body.slice(GRPC_PREFIX..)),
        Transport::Grpc => {
            let encoding = HeaderName::from_static("grpc-encoding");
            (joined(headers, &encoding), body.slice(GRPC_PREFIX..))
        }
        Transport::HttpProtobuf => (joined(headers, &CONTENT_ENCODING), body),
        Transport::Unknown => {
            return Err(unsupported(format!("content-type {}", joined(headers, &CONTENT_TYPE))));
        }
    };
    match &*encoding {
        "" | "identity" => Ok(message),
        "gzip" => {
            let mut plain = Vec::new();
            GzDecoder::new(&*message).read_to_end(&mut plain).map_err(malformed)?;
            Ok(plain.into())
        }
        other => Err(unsupported(format!("encoding {other}"))),
    }
}

fn malformed(error: impl ToString) -> Refusal {
    Refusal::new(Code::InvalidArgument, 400, error)
}

fn unsupported(what: String) -> Refusal {
    Refusal::new(Code::Unimplemented, 415, format!("unsupported {what}"))
}

async fn answer(
    transport: Transport,
    export: Received,
    behaviour: Behaviour,
    inbox: &Inbox,
) -> Result<Response<Body>, Refusal> {
    if let Some(refusal) = behaviour.refusal() {
        return Err(refusal);
    }
    let mut partial_success = None;
    match behaviour {
        Behaviour::Hang => future::pending().await,
        Behaviour::Delay(delay) => tokio::time::sleep(delay).await,
        Behaviour::PartialSuccess { rejected: rejected_spans, message: error_message } => {
            partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
        }
        _ => {}
    }
    inbox.change(|received| received.keep(export));
    // The answers for the three signals are the same bytes.
    let message = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    if transport != Transport::Grpc {
        return Ok(response(transport, message, None));
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let framed = [&[0], &length[..], &message].concat();
    let trailers = [(Status::GRPC_STATUS, HeaderValue::from_static("0"))];
    Ok(response(transport, framed, Some(trailers.into_iter().collect())))
}

/// gRPC: a status in the headers. HTTP: a `google.rpc.Status` as the body.
fn refuse(transport: Transport, refusal: Refusal) -> Response<Body> {
    let Refusal { code, status, message, retry_after } = refusal;
    if transport == Transport::Grpc {
        let status = match retry_after {
            None => Status::new(code, message),
            delay => {
                Status::with_error_details(code, message, ErrorDetails::with_retry_info(delay))
            }
        };
        let mut response = response(transport, Vec::new(), None);
        response.headers_mut().extend(status.into_http::<()>().into_parts().0.headers);
        return response;
    }
    let body = tonic_types::Status { code: code.into(), message, details: Vec::new() };
    let body = body.encode_to_vec();
    let mut response = response(transport, body, None);
    *response.status_mut() = StatusCode::from_u16(status).expect("a valid status");
    if let Some(delay) = retry_after {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn response(transport: Transport, body: Vec<u8>, trailers: Option<HeaderMap>) -> Response<Body> {
    let body = Full::from(body).with_trailers(future::ready(trailers.map(Ok)));
    let grpc = transport == Transport::Grpc;
    let content_type = if grpc { "application/grpc" } else { "application/x-protobuf" };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

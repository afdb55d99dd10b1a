//! OTLP over HTTP, in protobuf and JSON.

use std::io::Read;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use flate2::read::GzDecoder;
use prost::Message;
use serde::Serialize;

use super::behaviour::{Behaviour, Refusal};
use super::inbox::Inbox;
use super::routes::{joined, transport};
use super::signal::{Export, Transport, answer};

/// Takes the export requests of one signal.
pub fn post_export<E: Export>() -> MethodRouter<Arc<Inbox>> {
    post(
        async |State(inbox): State<Arc<Inbox>>,
               Extension(behaviour): Extension<Behaviour>,
               headers: HeaderMap,
               body: Bytes| {
            let format = transport(&headers);
            match decode::<E>(format, &headers, &body) {
                Err((status, why)) => {
                    inbox.change(|received| received.malformed.push(why.clone()));
                    (status, why).into_response()
                }
                Ok(request) => match answer(request, behaviour, &inbox).await {
                    Ok(answer) => encode(format, &answer),
                    Err(refusal) => refuse(format, refusal),
                },
            }
        },
    )
}

fn decode<E: Export>(
    format: Transport,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<E, (StatusCode, String)> {
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    let unsupported = |why: String| (StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
    let mut plain = Vec::new();
    let body = match joined(headers, CONTENT_ENCODING.as_str()).as_str() {
        "" | "identity" => body,
        "gzip" => {
            GzDecoder::new(body).read_to_end(&mut plain).map_err(|error| bad(error.to_string()))?;
            plain.as_slice()
        }
        other => return Err(unsupported(format!("content-encoding {other}"))),
    };
    match format {
        Transport::HttpProtobuf => E::decode(body).map_err(|error| bad(error.to_string())),
        Transport::HttpJson => serde_json::from_slice(body).map_err(|error| bad(error.to_string())),
        Transport::Grpc | Transport::Unknown => {
            Err(unsupported(format!("content-type {}", joined(headers, CONTENT_TYPE.as_str()))))
        }
    }
}

/// In the format of the request, as the specification asks.
fn encode(format: Transport, message: &(impl Message + Serialize)) -> Response {
    if format == Transport::HttpJson {
        json(serde_json::to_vec(message).expect("OTLP messages can be written as JSON"))
    } else {
        protobuf(message)
    }
}

/// A `google.rpc.Status` as the body, and the delay in whole seconds, rounded up.
fn refuse(format: Transport, refusal: Refusal) -> Response {
    let Refusal { status, message, .. } = refusal;
    let code = i32::from(refusal.code);
    let mut response = if format == Transport::HttpJson {
        json(serde_json::json!({ "code": code, "message": message }).to_string().into_bytes())
    } else {
        let message = message.to_owned();
        protobuf(&tonic_types::Status { code, message, details: Vec::new() })
    };
    *response.status_mut() = status;
    if let Some(delay) = refusal.retry_after {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn json(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn protobuf(message: &impl Message) -> Response {
    ([(CONTENT_TYPE, "application/x-protobuf")], message.encode_to_vec()).into_response()
}

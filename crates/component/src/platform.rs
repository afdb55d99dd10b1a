//! The platform of the handlers in a component: the WASI host's clock and its HTTP client, with a
//! span for every call.

use std::time::Duration;

use handlers::{DOWNSTREAM_TIMEOUT, Platform};
use http::header::CONTENT_LENGTH;
use opentelemetry_http_semconv::HttpClientInstrumentation;
use wstd::future::FutureExt;
use wstd::http::body::{Bytes, util::Empty};
use wstd::http::error::ErrorCode;
use wstd::http::{Body, Client, Error, Request};

/// The default downstream service: the port of the documentation's examples. A component does not
/// know its own.
const DOWNSTREAM: &str = "http://127.0.0.1:8000";

/// A WASI host.
pub(crate) struct WasiPlatform {
    spans: HttpClientInstrumentation,
    downstream: String,
}

impl WasiPlatform {
    /// A platform whose calls start these spans.
    pub(crate) fn from_env(spans: HttpClientInstrumentation) -> Self {
        let downstream = std::env::var("DOWNSTREAM_URL").ok().filter(|url| !url.is_empty());
        Self { spans, downstream: downstream.unwrap_or_else(|| DOWNSTREAM.to_owned()) }
    }
}

impl Platform for WasiPlatform {
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send {
        // A task is Send, as the handlers require; the future inside it is not.
        wstd::runtime::spawn(async move {
            wstd::task::sleep(time.into()).await;
        })
    }

    async fn get_downstream(&self, path: &str) -> Result<(u16, Vec<u8>), handlers::Error> {
        let url = format!("{}{path}", self.downstream.trim_end_matches('/'));
        // Without a length the host sends chunks. wstd writes its own empty body all the same, which
        // fails if the host expects no body after a length of 0.
        let mut request = Request::new(Body::from_http_body(Empty::<Bytes>::new()));
        *request.uri_mut() = url.parse().map_err(|_| handlers::Error::DownstreamUnreachable)?;
        request.headers_mut().append(CONTENT_LENGTH, 0.into());
        let attempt = self.spans.start(&url, &mut request);
        let result = wstd::runtime::spawn(send(request, DOWNSTREAM_TIMEOUT, true)).await;
        attempt.end(match &result {
            Ok((status, _)) => Ok(*status),
            Err((kind, _)) => Err(kind),
        });
        result.map_err(|(_, error)| {
            log::warn!("the downstream service did not answer: {error}");
            handlers::Error::DownstreamUnreachable
        })
    }
}

/// Sends an export of the telemetry, and returns the status of the answer.
pub(crate) async fn post(request: Request<Vec<u8>>, time: Duration) -> Result<u16, String> {
    let answer = send(request.map(Body::from), time, false).await;
    answer.map(|(status, _)| status).map_err(|(_, error)| error)
}

/// Status and, if it is asked for, body of the answer, otherwise an `error.type` and a text for the log.
async fn send(
    request: Request<Body>,
    time: Duration,
    read: bool,
) -> Result<(u16, Vec<u8>), (&'static str, String)> {
    let call = async {
        let mut answer = Client::new().send(request).await?;
        let body = if read { answer.body_mut().contents().await?.to_vec() } else { Vec::new() };
        Ok((answer.status().as_u16(), body))
    };
    match call.timeout(wstd::time::Duration::from(time)).await {
        Ok(answer) => answer.map_err(|error: Error| (error_type(&error), format!("{error:#}"))),
        Err(_) => Err(("timeout", "timed out".to_owned())),
    }
}

/// `error.type`, with the same values as the Rocket server's client.
fn error_type(error: &Error) -> &'static str {
    match error.downcast_ref() {
        Some(
            ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::HttpResponseTimeout,
        ) => "timeout",
        Some(
            ErrorCode::ConnectionRefused
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationNotFound
            | ErrorCode::DnsError(_)
            | ErrorCode::DnsTimeout,
        ) => "connect",
        _ => "request",
    }
}

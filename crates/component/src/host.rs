//! What a WASI host lends to the handlers: its clock, and its HTTP client with a span a call.

use std::time::{Duration, Instant};

use wstd::future::FutureExt;
use wstd::http::body::{Bytes, util::Empty};
use wstd::http::error::ErrorCode;
use wstd::http::{Body, Client, Error, Request, StatusCode};

use handlers::fixed::Fixed;
use handlers::{DOWNSTREAM_TIMEOUT, DownstreamError, Host};
use opentelemetry_http_semconv::HttpClientInstrumentation;

/// Where a chain goes if nothing is said: to the port that the documentation serves on. A component
/// does not know its own.
const DOWNSTREAM: &str = "http://127.0.0.1:8000";

/// The handlers' host in a component.
pub(crate) struct WasiHost {
    spans: HttpClientInstrumentation,
    downstream: String,
    fixed: Fixed,
}

impl WasiHost {
    /// A host whose calls have these spans.
    pub(crate) fn from_env(spans: HttpClientInstrumentation) -> Self {
        let downstream = std::env::var("DOWNSTREAM_URL").ok().filter(|url| !url.is_empty());
        Self {
            spans,
            downstream: downstream.unwrap_or_else(|| DOWNSTREAM.to_owned()),
            fixed: Fixed::from_env(),
        }
    }
}

impl Host for WasiHost {
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send {
        // A task can be sent, as handlers ask of every host; what it waits on cannot.
        let passed = self.fixed.pass(time);
        wstd::runtime::spawn(async move {
            if !passed {
                wstd::task::sleep(time.into()).await;
            }
        })
    }

    fn now(&self) -> Instant {
        self.fixed.now()
    }

    fn random(&self) -> u64 {
        self.fixed.random()
    }

    async fn downstream(&self, path: &str) -> Result<(u16, Vec<u8>), DownstreamError> {
        let url = format!("{}{path}", self.downstream.trim_end_matches('/'));
        // Without a length the host would send chunks. An empty body of wstd's own is written all
        // the same, which fails where the host has seen the length and looks for no body.
        let body = Body::from_http_body(Empty::<Bytes>::new());
        let request = Request::get(&url).header("content-length", 0).body(body);
        let mut request = request.map_err(|_| DownstreamError)?;
        let attempt = self.spans.start(&url, &mut request);
        let result = wstd::runtime::spawn(send(request)).await;
        attempt.end(match &result {
            Ok((status, _)) => Ok(*status),
            Err((kind, _)) => Err(kind),
        });
        result.map_err(|(_, error)| {
            log::warn!("the downstream service did not answer: {error}");
            DownstreamError
        })
    }
}

/// Sends an export of the telemetry's.
pub(crate) async fn post(request: Request<Vec<u8>>, time: Duration) -> Result<StatusCode, String> {
    match Client::new().send(request).timeout(wstd::time::Duration::from(time)).await {
        Ok(answer) => answer.map(|answer| answer.status()).map_err(|error| format!("{error:#}")),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// Status and body of the answer, else an `error.type` and what the log tells.
async fn send(request: Request<Body>) -> Result<(u16, Vec<u8>), (&'static str, String)> {
    let call = async {
        let mut response = Client::new().send(request).await?;
        let status = response.status().as_u16();
        Ok((status, response.body_mut().contents().await?.to_vec()))
    };
    match call.timeout(wstd::time::Duration::from(DOWNSTREAM_TIMEOUT)).await {
        Ok(answer) => answer.map_err(|error: Error| (error_type(&error), format!("{error:#}"))),
        Err(_) => Err(("timeout", "it took too long".to_owned())),
    }
}

/// The names that the server's client has for the same.
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

//! A collector that counts spans and forgets them: OTLP over gRPC, one thread, no decoding but
//! of the fields on the way to a span's attributes.
//!
//! `GET /counts` gives the counts as JSON, `POST /reset?delay_ms=100` sets them to zero and how
//! long each export takes from then on; `/behave?hang` and its like make it one that fails.
//! With `JOURNAL` it writes down which spans it took, with `TLS` it shows a certificate that
//! nobody trusts.

mod behaviour;
mod journal;
mod proto;
mod tls;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use behaviour::Behaviour;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use journal::Journal;
use proto::count;
use tokio::io::{AsyncRead, AsyncWrite};

#[derive(Default)]
struct Counts {
    delay_ms: AtomicU64,
    spans: AtomicU64,
    /// Attributes of the last export's first span.
    attributes: AtomicU64,
    exports: AtomicU64,
    metrics: AtomicU64,
    bytes: AtomicU64,
    behaviour: AtomicU8,
    journal: Option<Journal>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port: u16 = std::env::var("PORT").expect("PORT").parse().expect("PORT is a port");
    let journal = std::env::var_os("JOURNAL").map(|path| Journal::open(path.as_ref()));
    let counts = Arc::new(Counts { journal, ..Counts::default() });
    let delay = std::env::args().skip_while(|a| a != "--delay-ms").nth(1);
    counts.delay_ms.store(delay.map_or(0, |d| d.parse().expect("milliseconds")), Relaxed);
    let served = tokio::select! {
        served = serve(port, counts.clone()) => served,
        () = terminated() => Ok(()),
    };
    println!("{}", json(&counts));
    served.expect("the port is free");
}

async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate()).expect("signals can be had").recv().await;
}

async fn serve(port: u16, counts: Arc<Counts>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let tls = std::env::var_os("TLS").map(|_| tls::acceptor());
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (counts, tls) = (counts.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => connection(stream, counts).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        connection(stream, counts).await;
                    }
                }
            }
        });
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    counts: Arc<Counts>,
) {
    let service = service_fn(move |request| answer(request, counts.clone()));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Large windows: a batch should not wait for another round trip.
    builder.http2().initial_stream_window_size(4 << 20);
    builder.http2().initial_connection_window_size(16 << 20);
    builder.http2().max_frame_size(1 << 20);
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    counts: Arc<Counts>,
) -> Result<Response<Body>, Infallible> {
    match request.uri().path() {
        "/counts" => {}
        "/reset" => {
            let delay = request.uri().query().and_then(|q| q.strip_prefix("delay_ms="));
            counts.delay_ms.store(delay.and_then(|d| d.parse().ok()).unwrap_or(0), Relaxed);
            for count in
                [&counts.spans, &counts.attributes, &counts.exports, &counts.metrics, &counts.bytes]
            {
                count.store(0, Relaxed);
            }
        }
        "/behave" => {
            let behaviour = request.uri().query().and_then(Behaviour::named);
            let behaviour = behaviour.expect("a behaviour's name");
            counts.behaviour.store(behaviour as u8, Relaxed);
        }
        path => {
            let traces = path.ends_with("TraceService/Export");
            return Ok(export(traces, request, &counts).await);
        }
    }
    Ok(Response::new(Full::from(json(&counts)).boxed_unsync()))
}

/// Takes an export, or does with it what was asked for.
async fn export(traces: bool, request: Request<Incoming>, counts: &Counts) -> Response<Body> {
    let Ok(body) = request.into_body().collect().await else { return reply(&[], &[]) };
    let body = body.to_bytes();
    let behaviour = Behaviour::of(counts.behaviour.load(Relaxed));
    behaviour.pause().await;
    if let Some(refusal) = behaviour.refusal() {
        return reply(&[], refusal);
    }
    counts.bytes.fetch_add(body.len() as u64, Relaxed);
    // Five bytes of gRPC framing: not compressed, and the length.
    let message = body.get(5..).unwrap_or_default();
    if traces {
        let (spans, attributes) = count(message);
        counts.spans.fetch_add(spans, Relaxed);
        counts.attributes.store(attributes, Relaxed);
        counts.exports.fetch_add(1, Relaxed);
        if let Some(journal) = &counts.journal {
            // Written before the answer: what is acknowledged survives a SIGKILL.
            journal.write(message, behaviour.rejects());
        }
    } else {
        counts.metrics.fetch_add(1, Relaxed);
    }
    let delay = counts.delay_ms.load(Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    reply(behaviour.message(), &[("grpc-status", "0")])
}

/// A message and trailers, as a collector answers.
fn reply(message: &'static [u8], trailers: &[(&'static str, &'static str)]) -> Response<Body> {
    let trailers: HeaderMap = trailers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    framed.extend(message);
    let frames = [Ok(Frame::data(Bytes::from(framed))), Ok(Frame::trailers(trailers))];
    let mut frames = frames.into_iter();
    let stream = StreamBody::new(Frames(std::iter::from_fn(move || frames.next())));
    let mut response = Response::new(BodyExt::boxed_unsync(stream));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// A stream of frames that are all there.
struct Frames<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Frames<I> {
    type Item = I::Item;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

fn json(counts: &Counts) -> String {
    let Counts { spans, attributes, exports, metrics, bytes, .. } = counts;
    let value = |count: &AtomicU64| count.load(Relaxed);
    format!(
        r#"{{"spans":{},"attributes":{},"exports":{},"metrics":{},"bytes":{}}}"#,
        value(spans),
        value(attributes),
        value(exports),
        value(metrics),
        value(bytes)
    )
}

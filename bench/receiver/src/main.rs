//! A collector that counts spans and forgets them: OTLP over gRPC, one thread, no decoding but
//! of the fields on the way to a span's attributes.
//!
//! `GET /counts` gives the counts as JSON, `POST /reset?delay_ms=100` sets them to zero and how
//! long each export takes from then on.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;

#[derive(Default)]
struct Counts {
    delay_ms: AtomicU64,
    spans: AtomicU64,
    /// Attributes of the last export's first span.
    attributes: AtomicU64,
    exports: AtomicU64,
    metrics: AtomicU64,
    bytes: AtomicU64,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port: u16 = std::env::var("PORT").expect("PORT").parse().expect("PORT is a port");
    let counts = Arc::new(Counts::default());
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
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let counts = counts.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, counts.clone()));
            let mut builder = auto::Builder::new(TokioExecutor::new());
            // Large windows: a batch should not wait for another round trip.
            builder.http2().initial_stream_window_size(4 << 20);
            builder.http2().initial_connection_window_size(16 << 20);
            builder.http2().max_frame_size(1 << 20);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
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
        path => {
            let traces = path.ends_with("TraceService/Export");
            return Ok(export(traces, request, &counts).await);
        }
    }
    Ok(Response::new(Full::from(json(&counts)).boxed_unsync()))
}

/// Takes an export and answers with an empty message, as a collector does that took everything.
async fn export(traces: bool, request: Request<Incoming>, counts: &Counts) -> Response<Body> {
    if let Ok(body) = request.into_body().collect().await {
        let body = body.to_bytes();
        counts.bytes.fetch_add(body.len() as u64, Relaxed);
        // Five bytes of gRPC framing: not compressed, and the length.
        let message = body.get(5..).unwrap_or_default();
        if traces {
            let (spans, attributes) = count(message);
            counts.spans.fetch_add(spans, Relaxed);
            counts.attributes.store(attributes, Relaxed);
            counts.exports.fetch_add(1, Relaxed);
        } else {
            counts.metrics.fetch_add(1, Relaxed);
        }
    }
    let delay = counts.delay_ms.load(Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok(Frame::data(Bytes::from_static(&[0; 5]))), Ok(Frame::trailers(trailers))];
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

/// The spans of an `ExportTraceServiceRequest`, and the attributes of its first.
fn count(request: &[u8]) -> (u64, u64) {
    let (mut spans, mut attributes) = (0, 0);
    for resource_spans in fields(request, 1) {
        for scope_spans in fields(resource_spans, 2) {
            for span in fields(scope_spans, 2) {
                if spans == 0 {
                    attributes = fields(span, 9).count() as u64;
                }
                spans += 1;
            }
        }
    }
    (spans, attributes)
}

/// The length-delimited fields of this number in a protobuf message.
fn fields(mut message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !message.is_empty() {
            let key = varint(&mut message);
            match key & 7 {
                0 => _ = varint(&mut message),
                1 => message.advance(8.min(message.len())),
                5 => message.advance(4.min(message.len())),
                _ => {
                    let length = (varint(&mut message) as usize).min(message.len());
                    let (field, rest) = message.split_at(length);
                    message = rest;
                    if key >> 3 == number {
                        return Some(field);
                    }
                }
            }
        }
        None
    })
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, rest)) = message.split_first() else { break };
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
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

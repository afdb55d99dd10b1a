//! Step 7: how the sending of a response's body went.
//!
//! Rocket runs `on_response` before it sends the body, and has no hook for the end of the sending.
//! The reader of the body shows it: it is read to its end, or fails, or panics, or is dropped
//! half-way because the client left.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use rocket::response::{Body, Response};
use rocket::tokio::io::{AsyncRead, AsyncSeek, ReadBuf};

use crate::span::RequestSpan;

/// How far the sending of a body has come. The request holds it and not the reader, whose drop may
/// not touch the request: Rocket's local client drops the request first.
#[derive(Debug, Default)]
pub(crate) struct BodyProgress(AtomicU8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Progress {
    /// There is no body to watch, or no response yet.
    Unwatched,
    /// Rocket has not read the body to its end yet.
    Sending,
    /// Inside the reader's own code: a drop in this state is a panic.
    Reading,
    /// Rocket has read the body to its end.
    Sent,
    /// The reader returned an error.
    Failed,
}

impl BodyProgress {
    fn set(&self, progress: Progress) {
        // One task reads the body and drops the request, so no other memory needs an order.
        self.0.store(progress as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Progress {
        match self.0.load(Ordering::Relaxed) {
            1 => Progress::Sending,
            2 => Progress::Reading,
            3 => Progress::Sent,
            4 => Progress::Failed,
            _ => Progress::Unwatched,
        }
    }
}

/// Watches the body of `response`, whose size and chunk size stay as they are.
pub(crate) async fn watch<'r>(response: &mut Response<'r>, span: &'r RequestSpan) {
    let chunk = response.body().max_chunk_size();
    // Rocket asks for the size next, and a watched body could not report it.
    let size = response.body_mut().size().await;
    let body = response.body_mut().take();
    span.body.set(Progress::Sending);
    // A body of known size is there already: no code of the application runs while it is read.
    let cx = size.is_none().then(|| span.context());
    let watched = WatchedBody { body, span, cx };
    match size {
        Some(size) => response.set_sized_body(size, watched),
        None => response.set_streamed_body(watched),
    }
    response.set_max_chunk_size(chunk);
}

struct WatchedBody<'r> {
    body: Body<'r>,
    span: &'r RequestSpan,
    /// The context to read the body in, for the spans that a stream starts.
    cx: Option<&'r opentelemetry::Context>,
}

impl AsyncRead for WatchedBody<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let _current = self.cx.map(|cx| cx.clone().attach());
        let before = buf.filled().len();
        self.span.body.set(Progress::Reading);
        let polled = Pin::new(&mut self.body).poll_read(cx, buf);
        let progress = &self.span.body;
        match &polled {
            Poll::Pending => progress.set(Progress::Sending),
            Poll::Ready(Ok(())) if buf.filled().len() > before || buf.remaining() == 0 => {
                progress.set(Progress::Sending);
            }
            Poll::Ready(Ok(())) => progress.set(Progress::Sent),
            Poll::Ready(Err(error)) => {
                progress.set(Progress::Failed);
                self.span.exception("std::io::Error", error.to_string());
            }
        }
        polled
    }
}

/// Rocket's bound on sized bodies. It seeks only to learn a size, which is known here.
impl AsyncSeek for WatchedBody<'_> {
    fn start_seek(self: Pin<&mut Self>, _: io::SeekFrom) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

//! Bodies that take their time, fail, panic or never end.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll};

use opentelemetry::trace::{Span, Tracer};
use opentelemetry_sdk::trace::SdkTracer;
use rocket::response::stream::{ByteStream, Event, EventStream, TextStream};
use rocket::response::{self, Responder};
use rocket::{Request, Response, Route, State, get, routes};
use tokio::io::{AsyncRead, ReadBuf};

pub(super) fn all() -> Vec<Route> {
    routes![chunky, failing, body_panics, endless, spans_in_text, spans_in_events, waiting]
}

/// A body that asks for chunks of 7 bytes.
#[get("/chunky")]
fn chunky() -> Chunky {
    Chunky
}

struct Chunky;

impl<'r> Responder<'r, 'static> for Chunky {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let body = "x".repeat(21);
        Response::build().streamed_body(Cursor::new(body)).max_chunk_size(7).ok()
    }
}

/// What a body does after its first piece.
#[derive(Clone, Copy)]
pub(super) enum Then {
    Fails,
    Panics,
    Repeats,
}

struct Body {
    then: Then,
    begun: bool,
}

impl AsyncRead for Body {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match (self.begun, self.then) {
            (true, Then::Fails) => Poll::Ready(Err(io::Error::other("the disk is gone"))),
            (true, Then::Panics) => panic!("the body is unwell"),
            _ => {
                self.begun = true;
                let room = buf.remaining().min(8192);
                buf.put_slice(&[b'x'; 8192][..room]);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<'r> Responder<'r, 'static> for Then {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build().streamed_body(Body { then: self, begun: false }).ok()
    }
}

#[get("/failing")]
fn failing() -> Then {
    Then::Fails
}

#[get("/body-panics")]
fn body_panics() -> Then {
    Then::Panics
}

#[get("/endless")]
fn endless() -> Then {
    Then::Repeats
}

/// Starts a span while it streams.
#[get("/spans-in-text")]
fn spans_in_text(tracer: &State<SdkTracer>) -> TextStream![String + '_] {
    TextStream! {
        tokio::task::yield_now().await;
        tracer.start("in the body").end();
        yield "text".to_owned();
    }
}

#[get("/spans-in-events")]
fn spans_in_events(tracer: &State<SdkTracer>) -> EventStream![Event + '_] {
    EventStream! {
        tokio::task::yield_now().await;
        tracer.start("in the body").end();
        yield Event::data("event");
    }
}

/// Yields one piece, and then waits forever.
#[get("/waiting")]
fn waiting() -> ByteStream![&'static [u8]] {
    ByteStream! {
        yield &b"first"[..];
        std::future::pending::<()>().await;
    }
}

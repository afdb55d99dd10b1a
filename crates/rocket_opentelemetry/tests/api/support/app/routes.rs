//! The routes and catchers: one for every course that a request can take.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;

use opentelemetry::context::FutureExt;
use opentelemetry::trace::{Span, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;
use rocket::data::{IoHandler, IoStream};
use rocket::http::{ContentType, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::stream::{ByteStream, Event, EventStream};
use rocket::response::{self, Responder};
use rocket::{
    Catcher, Request, Response, Route, State, catch, catchers, delete, get, patch, post, put,
    routes,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Gate;
use super::bodies::{self, Then};
use super::panics;

pub(crate) fn all() -> Vec<Route> {
    let plain = routes![plain, user, post_form, put_form, erase, amend, headers];
    let spans = routes![guarded, spawned, deep];
    let forwards = routes![number, word, forwards_to_nothing];
    let without = routes![nothing, not_modified, empty, streamed];
    let ends = routes![gated, gated_endless, events, echo];
    [plain, spans, forwards, without, bodies::all(), panics::all(), ends].concat()
}

/// Mounted without `traced`.
pub(crate) fn bare() -> Vec<Route> {
    routes![bare_item, bare_missing]
}

pub(crate) fn catchers() -> Vec<Catcher> {
    catchers![not_found, any]
}

#[get("/plain")]
fn plain() -> &'static str {
    "plain text"
}

#[get("/user/<id>/posts/<post..>?<page>")]
fn user(id: u64, post: std::path::PathBuf, page: Option<u8>) -> String {
    format!("{id} {} {page:?}", post.display())
}

#[post("/form", data = "<_form>")]
fn post_form(_form: String) -> &'static str {
    "posted"
}

#[put("/form", data = "<_form>")]
fn put_form(_form: String) -> &'static str {
    "put"
}

#[delete("/plain")]
fn erase() {}

#[patch("/plain")]
fn amend() {}

#[get("/headers")]
fn headers() -> Headers {
    Headers
}

struct Headers;

impl<'r> Responder<'r, 'static> for Headers {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .raw_header_adjoin("X-Answer", "one")
            .raw_header_adjoin("X-Answer", "two")
            .ok()
    }
}

/// A guard with a span of its own.
struct Guard;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Guard {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let tracer = request.rocket().state::<SdkTracer>().expect("managed");
        let mut span = tracer.start("guard");
        tokio::task::yield_now().await;
        span.end();
        Outcome::Success(Guard)
    }
}

#[get("/guarded")]
fn guarded(_guard: Guard, tracer: &State<SdkTracer>) -> &'static str {
    tracer.start("handler").end();
    "guarded"
}

#[get("/spawned")]
async fn spawned(tracer: &State<SdkTracer>) -> &'static str {
    let tracer = tracer.inner().clone();
    let work = async move {
        tokio::task::yield_now().await;
        tracer.start("elsewhere").end();
    };
    tokio::spawn(work.with_context(Context::current())).await.expect("it does not panic");
    "spawned"
}

/// Three spans inside one another, with the request's number on each, and many chances for the
/// runtime to change threads.
#[get("/deep/<number>")]
async fn deep(number: i64, tracer: &State<SdkTracer>) -> String {
    let span = |name: &'static str| {
        let mut span = tracer.start(name);
        span.set_attribute(KeyValue::new("number", number));
        Context::current_with_span(span)
    };
    async {
        wander().await;
        async {
            wander().await;
            Span::end(&mut tracer.start("inner"));
            wander().await;
        }
        .with_context(span("middle"))
        .await;
        wander().await;
    }
    .with_context(span("outer"))
    .await;
    wander().await;
    Context::current().span().set_attribute(KeyValue::new("number", number));
    number.to_string()
}

async fn wander() {
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(std::time::Duration::from_micros(fastrand::u64(0..500))).await;
}

#[get("/either/<_number>", rank = 1)]
fn number(_number: u64) -> &'static str {
    "a number"
}

#[get("/either/<_word>", rank = 2)]
fn word(_word: &str) -> &'static str {
    "a word"
}

/// A guard that always forwards, after it has made a span.
struct Never;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Never {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let tracer = request.rocket().state::<SdkTracer>().expect("managed");
        tracer.start("never").end();
        Outcome::Forward(Status::NotFound)
    }
}

#[get("/forwards")]
fn forwards_to_nothing(_never: Never) {}

#[get("/nothing")]
fn nothing() -> Status {
    Status::NoContent
}

#[get("/not-modified")]
fn not_modified() -> (Status, &'static str) {
    (Status::NotModified, "what it would be")
}

#[get("/empty")]
fn empty() -> &'static str {
    ""
}

#[get("/streamed")]
fn streamed() -> ByteStream![&'static [u8]] {
    ByteStream! {
        for part in [b"one ", b"two ", b"end "] {
            tokio::task::yield_now().await;
            yield &part[..];
        }
    }
}

/// Reports that it has entered, and answers once the gate is open.
#[get("/gated")]
async fn gated(gate: &State<Gate>) -> String {
    gate.entered.add_permits(1);
    gate.open.acquire().await.expect("the gate exists").forget();
    "at last".to_owned()
}

/// The same, with a body that never ends.
#[get("/gated-endless")]
async fn gated_endless(gate: &State<Gate>) -> Then {
    gated(gate).await;
    Then::Repeats
}

#[get("/events")]
fn events(gate: &State<Gate>) -> EventStream![Event + '_] {
    EventStream! {
        yield Event::data("first");
        gate.open.acquire().await.expect("the gate exists").forget();
        yield Event::data("last");
    }
}

struct Echo;

#[rocket::async_trait]
impl IoHandler for Echo {
    async fn io(self: Pin<Box<Self>>, mut io: IoStream) -> io::Result<()> {
        let mut buffer = [0; 64];
        let count = io.read(&mut buffer).await?;
        io.write_all(&buffer[..count]).await
    }
}

impl<'r> Responder<'r, 'static> for Echo {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build().upgrade("echo", Echo).ok()
    }
}

#[get("/echo")]
fn echo() -> Echo {
    Echo
}

#[get("/<_id>/item")]
fn bare_item(_id: u64, tracer: &State<SdkTracer>) -> &'static str {
    tracer.start("bare handler").end();
    "bare"
}

#[get("/<_id>/missing")]
fn bare_missing(_id: u64) -> Option<&'static str> {
    None
}

#[catch(404)]
fn not_found(request: &Request<'_>) -> (ContentType, &'static str) {
    let tracer = request.rocket().state::<SdkTracer>().expect("managed");
    tracer.start("catcher").end();
    (ContentType::Plain, "nothing here")
}

#[catch(default)]
fn any(status: Status, _: &Request<'_>) -> String {
    format!("caught {}", status.code)
}

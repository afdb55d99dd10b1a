//! Routes that panic, each in another place, and routes that only fail.

use std::convert::Infallible;

use opentelemetry::trace::{Span, Tracer};
use opentelemetry_sdk::trace::SdkTracer;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::{Request, Route, State, get, routes};

pub(super) fn all() -> Vec<Route> {
    routes![panics, panics_late, panics_in_guard, fails, closed]
}

#[get("/panics")]
async fn panics(tracer: &State<SdkTracer>) {
    tracer.start("before").end();
    tokio::task::yield_now().await;
    panic!("no such luck");
}

/// Panics before there is a future.
#[get("/panics-late")]
fn panics_late() -> Unresponsive {
    Unresponsive
}

struct Unresponsive;

impl<'r> Responder<'r, 'static> for Unresponsive {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        panic!("{}", format_args!("{} in the responder", "not"));
    }
}

struct PanickingGuard;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for PanickingGuard {
    type Error = Infallible;

    async fn from_request(_: &'r Request<'_>) -> Outcome<Self, Infallible> {
        std::panic::panic_any(42);
    }
}

#[get("/panics-in-guard")]
fn panics_in_guard(_guard: PanickingGuard) {}

#[get("/fails")]
fn fails() -> Status {
    Status::ServiceUnavailable
}

#[get("/closed")]
fn closed() -> Status {
    Status::Unauthorized
}

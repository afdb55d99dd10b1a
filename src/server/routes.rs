//! The endpoints: each hands its request to a handler, and its reply to Rocket.

use std::io::Cursor;

use rocket::http::{ContentType, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::{Request, Response, Route, State, get, routes};

use super::host::NativeHost;
use super::page::{IndexPage, Page};
use crate::handlers::{self, Reply, negotiation};

/// The handlers as this server runs them.
pub type App = handlers::App<NativeHost>;

/// All endpoints that are traced.
pub(super) fn all() -> Vec<Route> {
    routes![index, users, process, error, health, chain]
}

#[get("/")]
async fn index(app: &State<App>, page: &State<Page>, accept: WantsHtml) -> Index {
    if accept.0 {
        return Index::Page(Box::new(page.index()));
    }
    Index::Json(handlers::index::index(app).await)
}

#[get("/api/users")]
async fn users(app: &State<App>) -> Reply {
    handlers::users::users(app).await
}

#[get("/api/process")]
async fn process(app: &State<App>) -> Reply {
    handlers::process::process(app).await
}

#[get("/api/error")]
async fn error(app: &State<App>) -> Reply {
    handlers::error::error(app).await
}

#[get("/health")]
async fn health(app: &State<App>) -> Reply {
    handlers::health::health(app).await
}

#[get("/api/chain?<hops>")]
async fn chain(app: &State<App>, hops: Option<&str>) -> Reply {
    handlers::chain::chain(app, hops).await
}

/// Whether the client puts HTML before JSON.
pub(super) struct WantsHtml(pub(super) bool);

impl WantsHtml {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let mut headers = request.headers().get("Accept");
        if let (first, None) = (headers.next(), headers.next()) {
            return Self(negotiation::prefers_html(first));
        }
        // Several headers are one list (RFC 9110, section 5.3).
        let all: Vec<_> = request.headers().get("Accept").collect();
        Self(negotiation::prefers_html(Some(&all.join(","))))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for WantsHtml {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self::of(request))
    }
}

enum Index {
    Json(Reply),
    Page(Box<IndexPage>),
}

impl<'r> Responder<'r, 'static> for Index {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = match self {
            Index::Json(reply) => reply.respond_to(request)?,
            Index::Page(page) => page.respond_to(request)?,
        };
        // A cache must not give a browser's answer to a program.
        response.set_raw_header("Vary", "Accept");
        Ok(response)
    }
}

impl<'r> Responder<'r, 'static> for Reply {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .status(Status::new(self.status))
            .header(ContentType::JSON)
            .sized_body(self.body.len(), Cursor::new(self.body))
            .ok()
    }
}

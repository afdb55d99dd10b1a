//! The endpoints: each hands its request to a handler, and its reply to Rocket.

use std::io::Cursor;

use rocket::http::{ContentType, Method, Status};
use rocket::response::{self, Responder};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Response, Route};

use super::pages::Page;
use super::platform::NativeHost;
use handlers::routes::Endpoint;
use handlers::{self, Reply, negotiation};

/// The handlers as this server runs them.
pub type App = handlers::App<NativeHost>;

/// All endpoints that are traced, from the table that the WebAssembly component serves too. Of
/// one's own Rocket application, `#[get(...)]` and `routes![...]` make the same kind of routes.
pub(super) fn all() -> Vec<Route> {
    Endpoint::ALL.map(|(path, endpoint)| Route::new(Method::Get, path, Served(endpoint))).into()
}

/// An endpoint as Rocket runs it.
#[derive(Clone)]
struct Served(Endpoint);

#[rocket::async_trait]
impl Handler for Served {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        let state = request.rocket();
        let (Some(app), Some(page)) = (state.state::<App>(), state.state::<Page>()) else {
            return Outcome::Error(Status::InternalServerError);
        };
        if self.0 == Endpoint::Index && wants_html(request) {
            return Outcome::from(request, Index::Page(page));
        }
        let reply = app.answer(self.0, request.uri().query().map(|query| query.as_str())).await;
        match self.0 {
            Endpoint::Index => Outcome::from(request, Index::Json(reply)),
            _ => Outcome::from(request, Answer(reply)),
        }
    }
}

/// Whether the client puts HTML before JSON.
pub(super) fn wants_html(request: &Request<'_>) -> bool {
    negotiation::wants_html(request.headers().get("Accept"))
}

enum Index<'a> {
    Json(Reply),
    Page(&'a Page),
}

impl<'r> Responder<'r, 'static> for Index<'_> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = match self {
            Index::Json(reply) => Answer(reply).respond_to(request)?,
            Index::Page(page) => page.index(request)?,
        };
        // A cache must not give a browser's answer to a program.
        response.set_raw_header("Vary", "Accept");
        Ok(response)
    }
}

/// A handler's reply as Rocket sends it.
pub(super) struct Answer(pub(super) Reply);

impl<'r> Responder<'r, 'static> for Answer {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .status(Status::new(self.0.status))
            .header(ContentType::JSON)
            .sized_body(self.0.body.len(), Cursor::new(self.0.body))
            .ok()
    }
}

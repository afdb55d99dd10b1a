//! One address, two forms: JSON for programs, HTML for browsers.

use std::convert::Infallible;

use pages::negotiation::prefers_html;
use rocket::http::Header;
use rocket::request::{FromRequest, Outcome};
use rocket::serde::json::Json;
use rocket::{Either, Request, Responder};

use crate::responders::Html;

/// The form that a client's `Accept` headers prefer.
pub(crate) enum Preferred {
    Json,
    Html,
}

impl Preferred {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        if prefers_html(request.headers().get("Accept")) { Self::Html } else { Self::Json }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Preferred {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self::of(request))
    }
}

/// An answer in one of the two forms. `Vary` keeps caches from giving one client the other's form.
#[derive(Responder)]
pub(crate) struct Negotiated<T> {
    form: Either<Json<T>, Html>,
    vary: Header<'static>,
}

impl<T> Negotiated<T> {
    pub(crate) fn json(value: T) -> Self {
        Self { form: Either::Left(Json(value)), vary: Header::new("Vary", "Accept") }
    }

    pub(crate) fn html(page: Html) -> Self {
        Self { form: Either::Right(page), vary: Header::new("Vary", "Accept") }
    }
}

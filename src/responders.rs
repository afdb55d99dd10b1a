//! The forms of an answer that Rocket does not have: a page, and an error as JSON.

use handlers::ErrorBody;
use pages::{CONTENT_TYPE, HEADERS};
use rocket::Request;
use rocket::http::Status;
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket_dyn_templates::Template;
use serde::Serialize;

/// A rendered template with the headers of every page.
pub(crate) struct Html(Template);

impl Html {
    pub(crate) fn render(template: &'static str, context: &impl Serialize) -> Self {
        Self(Template::render(template, context))
    }
}

impl<'r> Responder<'r, 'static> for Html {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = self.0.respond_to(request)?;
        response.set_raw_header("Content-Type", CONTENT_TYPE);
        for (name, value) in HEADERS {
            response.set_raw_header(name, value);
        }
        Ok(response)
    }
}

/// An error, with its status.
#[derive(Responder)]
pub(crate) struct ErrorResponse((Status, Json<ErrorBody>));

impl<E: ToString> From<(Status, E)> for ErrorResponse {
    fn from((status, error): (Status, E)) -> Self {
        Self((status, Json(ErrorBody { error: error.to_string() })))
    }
}

impl From<handlers::Error> for ErrorResponse {
    fn from(error: handlers::Error) -> Self {
        (Status::new(error.status()), error).into()
    }
}

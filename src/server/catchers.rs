//! Answers to what no route answers, in the form the client asked for.

use rocket::http::Status;
use rocket::response::{self, Responder};
use rocket::{Catcher, Request, catch, catchers};

use super::page::Page;
use super::routes::WantsHtml;
use crate::handlers::{ErrorBody, Reply};

/// All catchers.
pub(super) fn all() -> Vec<Catcher> {
    catchers![any]
}

/// One answer for every error: what differs is the sentence.
#[catch(default)]
fn any(status: Status, _: &Request<'_>) -> ErrorAnswer {
    ErrorAnswer(status)
}

struct ErrorAnswer(Status);

impl<'r> Responder<'r, 'static> for ErrorAnswer {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let (status, message) = (self.0, sentence(self.0));
        let mut response = match request.rocket().state::<Page>() {
            Some(page) if WantsHtml::of(request).0 => page.error(status, message, request)?,
            _ => {
                let body = ErrorBody { error: message.to_owned() };
                Reply::json(status.code, &body).respond_to(request)?
            }
        };
        response.set_status(status);
        response.set_raw_header("Vary", "Accept");
        Ok(response)
    }
}

/// What a client may know: never what went wrong inside.
fn sentence(status: Status) -> &'static str {
    match status.code {
        400 => "The request cannot be read.",
        404 => "There is nothing at this address.",
        413 => "The request is too large.",
        422 => "The request cannot be understood: a parameter has no value that would do.",
        500 => "Something went wrong here; the trace tells more.",
        _ => status.reason().unwrap_or("The request was not answered."),
    }
}

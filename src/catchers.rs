//! Answers to what no route answers, in the form the client asked for.

use rocket::http::Status;
use rocket::response::{self, Responder};
use rocket::{Catcher, Request, catch, catchers};

use super::pages::Page;
use super::routes::{Answer, wants_html};
use handlers::{Reply, sentence};

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
        let status = self.0;
        let message = sentence(status.code, status.reason());
        let mut response = match request.rocket().state::<Page>() {
            Some(page) if wants_html(request) => page.error(status, message, request)?,
            _ => Answer(Reply::error(status.code, message)).respond_to(request)?,
        };
        response.set_status(status);
        response.set_raw_header("Vary", "Accept");
        Ok(response)
    }
}

//! The answer to a request that no route answers, in the form that the client prefers.

use handlers::{ErrorBody, public_message};
use rocket::http::Status;
use rocket::{Catcher, Request, catch, catchers};

use crate::dashboard::Dashboard;
use crate::negotiation::{Negotiated, Preferred};

/// All catchers.
pub(crate) fn all() -> Vec<Catcher> {
    catchers![any]
}

#[catch(default)]
fn any(status: Status, request: &Request<'_>) -> (Status, Negotiated<ErrorBody>) {
    let message = public_message(status.code, status.reason());
    let answer = match (Preferred::of(request), request.rocket().state::<Dashboard>()) {
        (Preferred::Html, Some(dashboard)) => {
            let path = request.uri().path();
            Negotiated::html(dashboard.error_page(status, message, path.as_str()))
        }
        _ => Negotiated::json(ErrorBody { error: message.to_owned() }),
    };
    (status, answer)
}

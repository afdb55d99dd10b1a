//! The forms of an answer, and the headers of every one.

use handlers::{Error, ErrorBody, public_message};
use http::header::CONTENT_LENGTH;
use serde::Serialize;
use wstd::http::{Body, HeaderName, HeaderValue, Response, StatusCode};

/// The headers that Rocket's shield adds to every answer.
const SHIELD: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("permissions-policy", "interest-cohort=()"),
];

/// An answer that has not been given to the host yet.
pub(crate) type Answer = Response<Vec<u8>>;

/// An answer of this status, type and body.
pub(crate) fn answer(status: u16, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    set(&mut answer, "content-type", content_type);
    answer
}

/// A handler's result as JSON.
pub(crate) fn json(status: u16, value: &impl Serialize) -> Answer {
    // Only a map with keys other than strings cannot become JSON, and no answer has one.
    answer(status, "application/json", serde_json::to_vec(value).unwrap_or_default())
}

/// A handler's error.
pub(crate) fn error(error: Error) -> Answer {
    json(error.status(), &ErrorBody { error: error.to_string() })
}

/// The answer to a request that no handler answers.
pub(crate) fn failure(status: u16) -> Answer {
    json(status, &ErrorBody { error: public_message(status, None).to_owned() })
}

/// Adds a header that the answer does not have yet.
pub(crate) fn set(answer: &mut Answer, name: &'static str, value: &'static str) {
    let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
    answer.headers_mut().append(name, value);
}

/// Adds the headers of every answer.
pub(crate) fn finish(mut answer: Answer) -> Response<Body> {
    // Without a length the host sends chunks. To HEAD it sends no body itself.
    let length = answer.body().len();
    answer.headers_mut().append(CONTENT_LENGTH, length.into());
    for (name, value) in SHIELD {
        set(&mut answer, name, value);
    }
    answer.map(Body::from)
}

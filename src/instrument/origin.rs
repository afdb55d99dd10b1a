//! Rocket's requests and headers, as the conventions take them.

use rocket::Request;
use rocket::http::HeaderMap;

use crate::conventions::Headers;
use crate::conventions::request::Incoming;

impl Headers for HeaderMap<'_> {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.get(name)
    }
}

/// What Rocket knows of a request.
pub(crate) fn incoming<'r>(request: &'r Request<'_>) -> Incoming<'r> {
    let config = request.rocket().config();
    Incoming {
        scheme: if config.tls_enabled() { "https" } else { "http" },
        host: request.host().map(|host| (host.domain().as_str(), host.port())),
        local: Some((config.address, config.port)),
        peer: request.remote(),
        path: request.uri().path().as_str(),
        query: request.uri().query().map(|query| query.as_str()),
    }
}

//! Rocket's requests and headers, as the conventions take them.

use std::borrow::Cow;

use rocket::Request;
use rocket::http::HeaderMap;

use opentelemetry_http_semconv::Headers;
use opentelemetry_http_semconv::request::Incoming;

/// Rocket's headers, as the conventions read them.
pub(crate) struct RocketHeaders<'h>(pub(crate) &'h HeaderMap<'h>);

impl Headers for RocketHeaders<'_> {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.get(name)
    }
}

/// What one pass over a request's headers finds. To look a name up hashes it letter by letter,
/// which costs as much as to pass a dozen headers by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found<'a> {
    /// A header that a propagator reads.
    pub(crate) context: bool,
    /// The client asks for another protocol.
    pub(crate) upgrade: bool,
    user_agent: Option<&'a str>,
}

impl<'a> Found<'a> {
    /// `fields` are the headers that the propagator reads.
    pub(crate) fn among(headers: &'a HeaderMap<'_>, fields: &[String]) -> Self {
        let mut found = Self::default();
        for header in headers.iter() {
            let name = header.name.as_str();
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if fields.iter().any(|field| is(field)) {
                found.context = true;
            } else if is("user-agent") {
                // The map lends its values, and of several the first counts.
                if let Cow::Borrowed(value) = header.value {
                    found.user_agent = found.user_agent.or(Some(value));
                }
            } else if is("upgrade") {
                found.upgrade = true;
            }
        }
        found
    }
}

/// What Rocket knows of a request.
pub(crate) fn incoming<'r>(request: &'r Request<'_>, found: Found<'r>) -> Incoming<'r> {
    let config = request.rocket().config();
    Incoming {
        scheme: if config.tls_enabled() { "https" } else { "http" },
        host: request.host().map(|host| (host.domain().as_str(), host.port())),
        local: Some((config.address, config.port)),
        peer: request.remote(),
        path: request.uri().path().as_str(),
        query: request.uri().query().map(|query| query.as_str()),
        user_agent: found.user_agent,
    }
}

#[cfg(test)]
mod tests {
    use rocket::http::Header;

    use super::*;

    #[test]
    fn one_pass_finds_what_tracing_reads() {
        let fields = ["traceparent".to_owned(), "baggage".to_owned()];
        let mut headers = HeaderMap::new();
        assert!(!Found::among(&headers, &fields).context);
        headers.add(Header::new("User-Agent", "first"));
        headers.add(Header::new("user-agent", "second"));
        let found = Found::among(&headers, &fields);
        assert_eq!((found.context, found.user_agent, found.upgrade), (false, Some("first"), false));
        headers.add(Header::new("BAGGAGE", "a=1"));
        headers.add(Header::new("Upgrade", "websocket"));
        let found = Found::among(&headers, &fields);
        assert!(found.context && found.upgrade);
    }
}

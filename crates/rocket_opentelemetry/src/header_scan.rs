//! Step 2: the one pass over a request's headers.

use std::borrow::Cow;

use opentelemetry_http_semconv::Headers;
use rocket::http::HeaderMap;

/// Rocket's headers, as the conventions read them.
pub(crate) struct RocketHeaders<'h>(pub(crate) &'h HeaderMap<'h>);

impl Headers for RocketHeaders<'_> {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.get(name)
    }
}

/// What one pass over a request's headers finds. A look-up hashes the name letter by letter, which
/// costs as much as a pass over a dozen headers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeaderScan<'a> {
    /// The request has a header that the propagator reads.
    pub(crate) has_context: bool,
    /// The client offers to upgrade to another protocol.
    pub(crate) asks_upgrade: bool,
    /// The first `User-Agent`.
    pub(crate) user_agent: Option<&'a str>,
}

impl<'a> HeaderScan<'a> {
    /// `fields` are the headers that the propagator reads.
    pub(crate) fn new(headers: &'a HeaderMap<'_>, fields: &[String]) -> Self {
        let mut scan = Self::default();
        for header in headers.iter() {
            let name = header.name.as_str();
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if fields.iter().any(|field| is(field)) {
                scan.has_context = true;
            } else if is("user-agent") {
                // The iterator always borrows the values of the map.
                if let Cow::Borrowed(value) = header.value {
                    scan.user_agent = scan.user_agent.or(Some(value));
                }
            } else if is("upgrade") {
                scan.asks_upgrade = true;
            }
        }
        scan
    }
}

#[cfg(test)]
mod tests {
    use rocket::http::Header;

    use super::*;

    #[test]
    fn one_pass_finds_all_that_tracing_reads() {
        let fields = ["traceparent".to_owned(), "baggage".to_owned()];
        let mut headers = HeaderMap::new();
        assert!(!HeaderScan::new(&headers, &fields).has_context);
        headers.add(Header::new("User-Agent", "first"));
        headers.add(Header::new("user-agent", "second"));
        let scan = HeaderScan::new(&headers, &fields);
        let found = (scan.has_context, scan.user_agent, scan.asks_upgrade);
        assert_eq!(found, (false, Some("first"), false));
        headers.add(Header::new("BAGGAGE", "a=1"));
        headers.add(Header::new("Upgrade", "websocket"));
        let scan = HeaderScan::new(&headers, &fields);
        assert!(scan.has_context && scan.asks_upgrade);
    }
}

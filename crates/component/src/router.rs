//! The endpoint of a request, found as Rocket's router and form parsing find it.

use std::borrow::Cow;

use handlers::{Error, Hops};
use percent_encoding::percent_decode_str;

/// An endpoint of the application. All of them answer GET and HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Index,
    Users,
    Process,
    Error,
    Health,
    Chain,
}

const ENDPOINTS: [(&str, Endpoint); 6] = [
    ("/", Endpoint::Index),
    ("/api/users", Endpoint::Users),
    ("/api/process", Endpoint::Process),
    ("/api/error", Endpoint::Error),
    ("/health", Endpoint::Health),
    ("/api/chain", Endpoint::Chain),
];

/// The endpoint of a path, with the path of its route. Segments are compared percent-decoded, and
/// empty ones are ignored.
pub(crate) fn match_path(path: &str) -> Option<(&'static str, Endpoint)> {
    let segments = |path: &'static str| path.split('/').filter(|segment| !segment.is_empty());
    let requested = path.split('/').filter(|segment| !segment.is_empty());
    let requested = requested.map(|segment| percent_decode_str(segment).decode_utf8_lossy());
    ENDPOINTS.into_iter().find(|(route, _)| requested.clone().eq(segments(route)))
}

/// The first value of a query's parameter, decoded; empty without a `=`. As in Rocket, a name such
/// as `hops[]` or `hops.x` belongs to `hops`.
pub(crate) fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<Cow<'a, str>> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    pairs.find(|(key, _)| key.split(['.', '[']).next() == Some(name)).map(|(_, value)| value)
}

/// The parameter of `/api/chain`.
pub(crate) fn hops(query: Option<&str>) -> Result<Hops, Error> {
    parameter(query, "hops").map_or(Ok(Hops::default()), |hops| hops.parse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_a_parameter_counts_decoded() {
        for (query, value) in [
            ("hops=2", Some("2")),
            ("a=1&hops=2&hops=3", Some("2")),
            ("%68ops=%32", Some("2")),
            ("hops=+2%2B", Some(" 2+")),
            ("hops", Some("")),
            ("hops[]=2", Some("2")),
            ("hopss=1&HOPS=1&=1", None),
            ("", None),
        ] {
            assert_eq!(parameter(Some(query), "hops").as_deref(), value, "{query}");
        }
        assert_eq!(hops(None), Ok(Hops::default()));
    }

    #[test]
    fn paths_are_compared_by_their_decoded_segments_without_empty_ones() {
        for (path, route) in [
            ("/", Some("/")),
            ("//", Some("/")),
            ("/health/", Some("/health")),
            ("/api//chain", Some("/api/chain")),
            ("/%68ealth", Some("/health")),
            ("/api%2Fhealth", None),
            ("/Health", None),
            ("/api", None),
        ] {
            assert_eq!(match_path(path).map(|(route, _)| route), route, "{path}");
        }
    }
}

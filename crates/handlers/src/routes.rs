//! Which handler answers which path: one table for every server.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{App, Host, Reply, chain, error, health, index, process, users};

/// An endpoint of the application; all of them answer GET, and HEAD with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/`
    Index,
    /// `/api/users`
    Users,
    /// `/api/process`
    Process,
    /// `/api/error`
    Error,
    /// `/health`
    Health,
    /// `/api/chain?hops=N`
    Chain,
}

impl Endpoint {
    /// Every endpoint, with the path that it answers.
    pub const ALL: [(&str, Self); 6] = [
        ("/", Self::Index),
        ("/api/users", Self::Users),
        ("/api/process", Self::Process),
        ("/api/error", Self::Error),
        ("/health", Self::Health),
        ("/api/chain", Self::Chain),
    ];

    /// The endpoint that answers a request, with the path that it stands for, for servers without a
    /// router: as Rocket's router does, by segments, of which an empty one is none and each is
    /// percent-decoded.
    #[must_use]
    pub fn asked(method: &str, path: &str) -> Option<(&'static str, Self)> {
        if !["GET", "HEAD"].contains(&method) {
            return None;
        }
        let segments = |path: &'static str| path.split('/').filter(|segment| !segment.is_empty());
        let asked = path.split('/').filter(|segment| !segment.is_empty());
        let asked = asked.map(|segment| percent_decode_str(segment).decode_utf8_lossy());
        Self::ALL.into_iter().find(|(template, _)| asked.clone().eq(segments(template)))
    }
}

impl<H: Host> App<H> {
    /// Runs the endpoint's handler. `query` is as the client wrote it.
    pub async fn answer(&self, endpoint: Endpoint, query: Option<&str>) -> Reply {
        match endpoint {
            Endpoint::Index => index::index(self).await,
            Endpoint::Users => users::users(self).await,
            Endpoint::Process => process::process(self).await,
            Endpoint::Error => error::error(self).await,
            Endpoint::Health => health::health(self).await,
            Endpoint::Chain => {
                let hops = query.and_then(|query| parameter(query, "hops"));
                chain::chain(self, hops.as_deref()).await
            }
        }
    }
}

/// The first value of a query's parameter, decoded as forms encode it; empty without a `=`.
#[must_use]
pub fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let decode = |text: &'a str| {
        // A plus is a space only where it is not percent-encoded itself.
        if text.contains(['+', '%']) {
            let spaced = text.replace('+', " ");
            Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
        } else {
            Cow::Borrowed(text)
        }
    };
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key) == name).then(|| decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::parameter;

    #[test]
    fn the_first_value_of_a_parameter_counts_decoded() {
        for (query, value) in [
            ("hops=2", Some("2")),
            ("a=1&hops=2&hops=3", Some("2")),
            ("%68ops=%32", Some("2")),
            ("hops=+2%2B", Some(" 2+")),
            ("hops", Some("")),
            ("hopss=1&HOPS=1&=1", None),
            ("", None),
        ] {
            assert_eq!(parameter(query, "hops").as_deref(), value, "{query}");
        }
    }
}

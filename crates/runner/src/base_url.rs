//! The URL of a server.

use std::fmt;

use url::Url;

/// A URL that paths are appended to. Displays without the slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseUrl(Url);

impl BaseUrl {
    /// The URL of `target`, which begins with a slash.
    pub(super) fn join(&self, target: &str) -> String {
        format!("{self}{target}")
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl From<Url> for BaseUrl {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_appended_with_one_slash() {
        for (base, joined) in [
            ("http://localhost:8000", "http://localhost:8000/api"),
            ("http://localhost:8000/", "http://localhost:8000/api"),
            ("https://example.org/jaeger/", "https://example.org/jaeger/api"),
        ] {
            let url = BaseUrl::from(Url::parse(base).expect("valid"));
            assert_eq!(url.join("/api"), joined);
        }
    }
}

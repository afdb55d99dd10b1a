//! A server's address as users give it.

use std::{fmt, str::FromStr};

use reqwest::Url;
use thiserror::Error;

/// An http or https URL that paths are put behind; shown without the slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseUrl(String);

/// Why a text is no [`BaseUrl`].
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum BaseUrlError {
    /// It does not begin with `http://` or `https://` and a host.
    #[error("it is not an http:// or https:// URL")]
    NotHttp,
    /// It has `?` or `#`, behind which no path can be put.
    #[error("it has a query or a fragment")]
    NotABase,
}

impl BaseUrl {
    /// The URL of `target`, which begins with a slash.
    pub(super) fn join(&self, target: &str) -> String {
        format!("{self}{target}")
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The parser would also take `http:host`, which few mean.
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Err(BaseUrlError::NotHttp);
        }
        let url = Url::parse(text).map_err(|_| BaseUrlError::NotHttp)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::NotABase);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_behind_a_base_url_with_or_without_its_last_slash() {
        for text in ["http://localhost:8000", "http://localhost:8000/"] {
            let url: BaseUrl = text.parse().expect("valid");
            assert_eq!(url.to_string(), "http://localhost:8000");
            assert_eq!(url.join("/api/users"), "http://localhost:8000/api/users");
        }
        let below: BaseUrl = "https://example.org/jaeger/".parse().expect("valid");
        assert_eq!(below.join("/api/v3"), "https://example.org/jaeger/api/v3");
    }

    #[test]
    fn anything_but_a_plain_http_url_is_refused() {
        for text in ["localhost:8000", "ftp://localhost", "http:localhost", "http://", "http://a b"]
        {
            assert_eq!(text.parse::<BaseUrl>(), Err(BaseUrlError::NotHttp), "{text}");
        }
        for text in ["http://localhost/?a=b", "http://localhost/#top"] {
            assert_eq!(text.parse::<BaseUrl>(), Err(BaseUrlError::NotABase), "{text}");
        }
    }
}

//! Attributes of HTTP spans and metrics, after the stable HTTP semantic conventions.
//!
//! Source: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/> and `http-metrics`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What stands in place of a value that would be a credential.
pub const REDACTED: &str = "REDACTED";

/// Query parameters that carry credentials: their values never reach a span.
const SECRET_PARAMETERS: [&str; 7] = [
    "AWSAccessKeyId",
    "Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
    "sig",
];

/// Methods that the conventions know by default: RFC 9110's and RFC 5789's `PATCH`.
const KNOWN_METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"];

/// Whether it is a method of HTTP itself, whatever telemetry names.
pub fn is_of_http(method: &str) -> bool {
    KNOWN_METHODS.contains(&method)
}

/// The HTTP methods that telemetry names; any other is `_OTHER`.
///
/// Bounding them bounds the number of metric series, whatever clients send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMethods(Vec<Cow<'static, str>>);

impl Default for KnownMethods {
    fn default() -> Self {
        Self(KNOWN_METHODS.iter().map(|m| Cow::Borrowed(*m)).collect())
    }
}

impl KnownMethods {
    /// A list in the form of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`: case-sensitive names
    /// with commas between. It replaces the default list as a whole.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let names = list.split(',').map(str::trim).filter(|m| !m.is_empty());
        Self(names.map(|m| Cow::Owned(m.to_owned())).collect())
    }

    /// What `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` asks for, else the default.
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") {
            Ok(list) if !list.trim().is_empty() => Self::parse(&list),
            _ => Self::default(),
        }
    }

    /// A method as telemetry names it: itself, or `_OTHER` with what it was.
    pub fn told<'m>(&self, method: &'m str) -> (&'m str, Option<&'m str>) {
        if self.contains(method) { (method, None) } else { ("_OTHER", Some(method)) }
    }

    pub fn contains(&self, method: &str) -> bool {
        self.0.iter().any(|known| known == method)
    }
}

/// A query string with the values of credentials replaced, keys and order kept.
#[must_use]
pub fn redact_query(query: &str) -> Cow<'_, str> {
    if !query.split('&').any(is_secret) {
        return Cow::Borrowed(query);
    }
    let mut redacted = String::with_capacity(query.len());
    for (index, pair) in query.split('&').enumerate() {
        if index > 0 {
            redacted.push('&');
        }
        if is_secret(pair) {
            let key = pair.split_once('=').map_or(pair, |(key, _)| key);
            redacted.push_str(key);
            redacted.push('=');
            redacted.push_str(REDACTED);
        } else {
            redacted.push_str(pair);
        }
    }
    Cow::Owned(redacted)
}

/// `url.full` without its fragment, with credentials and signed query values redacted.
#[must_use]
pub fn redact_url(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (url, None),
    };
    let start = address.find("://").map_or(0, |scheme| scheme + 3);
    let (scheme, rest) = address.split_at(start);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut redacted = scheme.to_owned();
    if let Some((user, _)) = authority.rsplit_once('@') {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        redacted.push_str(if name.is_empty() { "" } else { REDACTED });
        redacted.push_str(if password.is_empty() { "" } else { ":REDACTED" });
        redacted.push('@');
    }
    redacted.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
    redacted.push_str(path);
    if let Some(query) = query {
        redacted.push('?');
        redacted.push_str(&redact_query(query));
    }
    redacted
}

/// Whether a `key=value` pair of a query carries a credential. A key may come percent-encoded.
fn is_secret(pair: &str) -> bool {
    let Some((key, _)) = pair.split_once('=') else {
        return false;
    };
    if !key.contains('%') {
        return SECRET_PARAMETERS.contains(&key);
    }
    let decoded = percent_decode_str(key).decode_utf8_lossy();
    SECRET_PARAMETERS.contains(&decoded.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_without_credentials_is_borrowed_as_it_is() {
        assert!(matches!(redact_query("a=1&b=2&sigma=3"), Cow::Borrowed(_)));
    }

    #[test]
    fn values_of_credentials_are_redacted_and_their_keys_kept_in_order() {
        for key in SECRET_PARAMETERS {
            let query = format!("a=1&{key}=s3cret&b");
            assert_eq!(redact_query(&query), format!("a=1&{key}=REDACTED&b"));
        }
    }

    #[test]
    fn an_encoded_key_does_not_smuggle_a_credential_past() {
        assert_eq!(redact_query("%73ig=s3cret"), "%73ig=REDACTED");
    }

    #[test]
    fn an_address_is_told_without_its_credentials() {
        for (url, told) in [
            ("http://x/a?b=1#c", "http://x/a?b=1"),
            ("http://ann@x:8000/", "http://REDACTED@x:8000/"),
            ("http://ann:s3c@ret@x", "http://REDACTED:REDACTED@x"),
            ("http://:s3cret@x/@a", "http://:REDACTED@x/@a"),
            ("https://[::1]:8000/a?sig=s3cret&b=@", "https://[::1]:8000/a?sig=REDACTED&b=@"),
        ] {
            assert_eq!(redact_url(url), told);
        }
    }

    #[test]
    fn a_list_of_known_methods_replaces_the_default() {
        let known = KnownMethods::parse("GET, PURGE,");
        assert!(known.contains("PURGE") && known.contains("GET"));
        assert!(!known.contains("POST") && !known.contains("get"));
        assert!(KnownMethods::default().contains("PATCH"));
    }
}

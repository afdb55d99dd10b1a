//! Redaction of credentials in queries and URLs (HTTP spans, `url.query` and `url.full`).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Query parameters whose values the conventions redact.
const SECRET_PARAMETERS: [&str; 7] = [
    "AWSAccessKeyId",
    "Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
    "sig",
];

/// `url.query`: a query string with the values of credentials replaced by `REDACTED`, keys and
/// order kept.
///
/// ```
/// use opentelemetry_http_semconv::redact_query;
///
/// assert_eq!(redact_query("page=2&sig=c2VjcmV0"), "page=2&sig=REDACTED");
/// ```
#[must_use]
pub fn redact_query(query: &str) -> Cow<'_, str> {
    if !query.split('&').any(|pair| secret_key(pair).is_some()) {
        return Cow::Borrowed(query);
    }
    let mut redacted = String::with_capacity(query.len());
    for (index, pair) in query.split('&').enumerate() {
        if index > 0 {
            redacted.push('&');
        }
        match secret_key(pair) {
            Some(key) => redacted.extend([key, "=REDACTED"]),
            None => redacted.push_str(pair),
        }
    }
    Cow::Owned(redacted)
}

/// `url.full`: a URL without its fragment, with user name, password and signed query values
/// replaced by `REDACTED`.
///
/// ```
/// use opentelemetry_http_semconv::redact_url;
///
/// let redacted = redact_url("https://ann:s3cret@example.com/a#top");
/// assert_eq!(redacted, "https://REDACTED:REDACTED@example.com/a");
/// ```
#[must_use]
pub fn redact_url(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let (address, query) = url.split_once('?').map_or((url, None), |(a, query)| (a, Some(query)));
    let start = address.find("://").map_or(0, |scheme| scheme + 3);
    let (scheme, rest) = address.split_at(start);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut redacted = scheme.to_owned();
    let mut host = authority;
    if let Some((user, rest)) = authority.rsplit_once('@') {
        host = rest;
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        redacted.push_str(if name.is_empty() { "" } else { "REDACTED" });
        redacted.push_str(if password.is_empty() { "" } else { ":REDACTED" });
        redacted.push('@');
    }
    redacted.push_str(host);
    redacted.push_str(path);
    if let Some(query) = query {
        redacted.push('?');
        redacted.push_str(&redact_query(query));
    }
    redacted
}

/// The key of a `key=value` pair that carries a credential. It may be percent-encoded.
fn secret_key(pair: &str) -> Option<&str> {
    let (key, _) = pair.split_once('=')?;
    let is_secret = |key: &str| SECRET_PARAMETERS.contains(&key);
    let found = if key.contains('%') {
        is_secret(&percent_decode_str(key).decode_utf8_lossy())
    } else {
        is_secret(key)
    };
    found.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_without_credentials_is_borrowed_unchanged() {
        assert!(matches!(redact_query("a=1&b=2&sigma=3"), Cow::Borrowed(_)));
    }

    #[test]
    fn credentials_of_a_query_are_redacted_and_keys_keep_their_order() {
        for key in SECRET_PARAMETERS {
            let query = format!("a=1&{key}=s3cret&b");
            assert_eq!(redact_query(&query), format!("a=1&{key}=REDACTED&b"));
        }
    }

    #[test]
    fn a_percent_encoded_key_is_redacted_too() {
        assert_eq!(redact_query("%73ig=s3cret"), "%73ig=REDACTED");
    }

    #[test]
    fn credentials_of_a_url_are_redacted() {
        for (url, redacted) in [
            ("http://x/a?b=1#c", "http://x/a?b=1"),
            ("http://ann@x:8000/", "http://REDACTED@x:8000/"),
            ("http://ann:s3c@ret@x", "http://REDACTED:REDACTED@x"),
            ("http://:s3cret@x/@a", "http://:REDACTED@x/@a"),
            ("https://[::1]:8000/a?sig=s3cret&b=@", "https://[::1]:8000/a?sig=REDACTED&b=@"),
        ] {
            assert_eq!(redact_url(url), redacted);
        }
    }
}

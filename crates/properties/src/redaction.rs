//! Credentials in URLs and queries: redacted, and nothing else changed.

use http::Uri;
use opentelemetry_http_semconv::{redact_query, redact_url};
use percent_encoding::percent_decode_str;

/// Redacts a URL and a query.
pub fn redaction(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check_query(&text);
    check_url(&text);
}

/// The list of the conventions a second time: a key that the code loses fails here.
const SECRET: [&str; 7] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
];

fn check_query(query: &str) {
    let redacted = redact_query(query);
    assert_eq!(redact_query(&redacted), redacted, "once is enough: {query:?}");
    assert_eq!(redacted.split('&').count(), query.split('&').count(), "{query:?}");
    for (pair, sent) in redacted.split('&').zip(query.split('&')) {
        match sent.split_once('=') {
            Some((key, _)) if SECRET.contains(&&*percent_decode_str(key).decode_utf8_lossy()) => {
                assert_eq!(pair, format!("{key}=REDACTED"));
            }
            _ => assert_eq!(pair, sent),
        }
    }
}

fn check_url(url: &str) {
    let redacted = redact_url(url);
    assert!(!redacted.contains('#'), "{redacted:?}");
    assert_eq!(redact_url(&redacted), redacted, "once is enough: {url:?}");
    let whole = url.split('#').next().unwrap_or_default();
    let (Ok(sent), Ok(redacted)) = (whole.parse::<Uri>(), redacted.parse::<Uri>()) else {
        return;
    };
    let (Some(before), Some(after)) = (sent.authority(), redacted.authority()) else {
        return;
    };
    let user = after.as_str().rsplit_once('@').map_or("", |(user, _)| user);
    let allowed = ["", "REDACTED", ":REDACTED", "REDACTED:REDACTED"];
    assert!(allowed.contains(&user), "{redacted} of {url:?}");
    assert_eq!((before.host(), before.port_u16()), (after.host(), after.port_u16()));
    assert_eq!((sent.scheme(), sent.path()), (redacted.scheme(), redacted.path()));
    let query = sent.query().map(redact_query);
    assert_eq!(query.as_deref(), redacted.query());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARK: &str = "hunter2";

    /// A key of a credential, with some of its letters percent-encoded.
    fn secret_key() -> impl Strategy<Value = String> {
        (prop::sample::select(&SECRET[..]), any::<u32>()).prop_map(|(key, encoded)| {
            let letter = |(at, c): (usize, char)| {
                if encoded >> at & 1 == 1 { format!("%{:02x}", c as u32) } else { c.to_string() }
            };
            key.chars().enumerate().map(letter).collect()
        })
    }

    /// A query in which the values of credentials, and only these, hold the mark.
    fn query() -> impl Strategy<Value = String> {
        let secret = (secret_key(), "[^&#]{0,4}", "[^&#]{0,4}");
        let secret = secret.prop_map(|(key, a, b)| format!("{key}={a}{MARK}{b}"));
        let plain = prop_oneof!["[a-z%+=]{0,5}", "sig[a-z]=[0-9]", "[^&#?]{0,5}"];
        prop::collection::vec(prop_oneof![secret, plain], 0..6).prop_map(|pairs| pairs.join("&"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn no_credential_of_a_query_is_kept(query in query()) {
            check_query(&query);
            prop_assert!(!redact_query(&query).contains(MARK), "{query}");
        }

        #[test]
        fn no_credential_of_a_url_is_kept(
            user in "[^/?#\\\\\\p{C}]{0,6}",
            password in "[^/?#\\\\\\p{C}]{0,6}",
            host in "([a-z]{1,8}|\\[::1\\])(:[0-9]{1,4})?",
            path in "(/[^?#]{0,6})?",
            query in query(),
            fragment in "(#.{0,6})?",
        ) {
            let text = format!("http://{MARK}{user}:{password}{MARK}@{host}{path}?{query}{fragment}");
            check_url(&text);
            // A client's URL has been parsed, and is redacted in that form.
            let parsed = url::Url::parse(&text);
            prop_assume!(parsed.is_ok());
            if let Ok(url) = parsed {
                prop_assert!(url.password().is_some_and(|password| password.contains(MARK)));
                check_url(url.as_str());
                let redacted = redact_url(url.as_str());
                prop_assert!(!redacted.contains(MARK), "{redacted} of {text}");
                let again = url::Url::parse(&redacted);
                prop_assert_eq!(again.as_ref().map(url::Url::host), Ok(url.host()));
            }
        }
    }
}

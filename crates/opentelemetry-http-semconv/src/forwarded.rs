//! What a proxy reports about the request that it forwards: `Forwarded` (RFC 7239) and
//! `X-Forwarded-*`.

use std::net::IpAddr;

use crate::headers::Headers;

/// A parameter of the original request: from the first element of `Forwarded`, which the outermost
/// proxy wrote, or else the first value of an `X-Forwarded-*` header.
pub(crate) fn parameter<'a>(
    headers: &'a impl Headers,
    name: &str,
    x_forwarded: &str,
) -> Option<&'a str> {
    let forwarded = headers.first("Forwarded").and_then(|value| in_first_element(value, name));
    let x_forwarded = || headers.first(x_forwarded)?.split(',').next().map(str::trim);
    forwarded.or_else(x_forwarded)
}

/// The crate `rfc7239` separates elements also at commas inside of quoted strings.
fn in_first_element<'a>(forwarded: &'a str, name: &str) -> Option<&'a str> {
    let mut element = split(forwarded, b',').next()?;
    if let Some(quoted_pair) = element.find('\\') {
        // No address, host or scheme needs one: what is behind it is not read.
        element = &element[..quoted_pair];
    }
    split(element, b';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim();
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        key.trim().eq_ignore_ascii_case(name).then_some(unquoted.unwrap_or(value))
    })
}

/// The parts between separators that are outside of quoted strings.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c: char| {
        is_quoted ^= c == '"';
        !is_quoted && c == char::from(separator)
    })
}

/// The address in `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`; `None` for
/// `unknown` and `_hidden`.
pub(crate) fn node_address(node: &str) -> Option<IpAddr> {
    if let Ok(ip) = node.parse() {
        return Some(ip);
    }
    if let Some(rest) = node.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    node.split_once(':')?.0.parse().ok()
}

/// Whether a text is a host with or without a port, and nothing else: user information may hold a
/// password.
pub(crate) fn is_host(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%:[]".contains(&byte);
    !text.is_empty() && !text.starts_with(':') && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `for`, `proto` and `host` of a request with these headers.
    fn read(headers: &[(&'static str, &'static str)]) -> [Option<String>; 3] {
        let headers = headers.iter().map(|(name, value)| {
            let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
            (name, http::HeaderValue::from_static(value))
        });
        let headers: http::HeaderMap = headers.collect();
        [("for", "X-Forwarded-For"), ("proto", "X-Forwarded-Proto"), ("host", "X-Forwarded-Host")]
            .map(|(name, x)| parameter(&headers, name, x).map(str::to_owned))
    }

    #[test]
    fn the_first_element_counts_and_quoted_strings_hold_separators() {
        for (value, expected) in [
            (
                r#"proto=https;For="[2001:db8::1]:4711", for=10.0.0.1"#,
                ["[2001:db8::1]:4711", "https", ""],
            ),
            (
                r#"for=192.0.2.1;ext="a,b";proto=https;host=shop.example"#,
                ["192.0.2.1", "https", "shop.example"],
            ),
            (r#"ext="a;for=10.0.0.1";for=192.0.2.1"#, ["192.0.2.1", "", ""]),
            (r#" FOR = "192.0.2.1" ; Proto=http"#, ["192.0.2.1", "http", ""]),
            (r#"for="unterminated, for=10.0.0.1"#, ["\"unterminated, for=10.0.0.1", "", ""]),
            (r#"for=192.0.2.1;host="a\"b""#, ["192.0.2.1", "", "\"a"]),
            ("", ["", "", ""]),
        ] {
            let expected = expected.map(|text| (!text.is_empty()).then(|| text.to_owned()));
            assert_eq!(read(&[("forwarded", value)]), expected, "{value}");
        }
    }

    #[test]
    fn a_parameter_that_forwarded_lacks_is_read_from_its_own_header() {
        let x = [
            ("x-forwarded-for", "10.9.9.9, 10.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example"),
        ];
        let all = |forwarded: &'static str| read(&[&[("forwarded", forwarded)], &x[..]].concat());
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            all("for=192.0.2.60"),
            [text("192.0.2.60"), text("https"), text("shop.example")]
        );
        assert_eq!(all("proto=http")[..2], [text("10.9.9.9"), text("http")]);
        assert_eq!(all("for=unknown")[0], text("unknown"), "the proxy does not know it");
    }

    #[test]
    fn a_node_is_an_address_with_or_without_a_port() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().expect("an address"));
        for (node, address) in [
            ("192.0.2.1", ip("192.0.2.1")),
            ("192.0.2.1:4711", ip("192.0.2.1")),
            ("2001:db8::1", ip("2001:db8::1")),
            ("[2001:db8::1]", ip("2001:db8::1")),
            ("[2001:db8::1]:4711", ip("2001:db8::1")),
            ("unknown", None),
            ("_hidden", None),
        ] {
            assert_eq!(node_address(node), address, "{node}");
        }
    }

    #[test]
    fn a_host_has_no_user_information_and_no_path() {
        for host in ["shop.example", "shop.example:8080", "[2001:db8::1]:80", "192.0.2.1"] {
            assert!(is_host(host), "{host}");
        }
        for text in ["user:pw@shop.example", "@", "", "a/b", "a?b", "a b", "http://a", ":80"] {
            assert!(!is_host(text), "{text}");
        }
    }
}

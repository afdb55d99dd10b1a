//! What a proxy reports about the request that it forwards: `Forwarded` (RFC 7239) and
//! `X-Forwarded-*`.

use std::net::IpAddr;

/// The client's address in a `Forwarded` or `X-Forwarded-For` list: the first one, which the
/// outermost proxy wrote.
pub(crate) fn forwarded_client(forwarded: Option<&str>, x_for: Option<&str>) -> Option<IpAddr> {
    let node = match forwarded {
        Some(value) => forwarded_parameter(value, "for")?,
        None => x_for?.split(',').next()?.trim(),
    };
    parse_node(node)
}

/// A parameter of the first element of a `Forwarded` header, unquoted.
pub(crate) fn forwarded_parameter<'a>(forwarded: &'a str, name: &str) -> Option<&'a str> {
    let first = forwarded.split(',').next()?;
    first.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim().trim_matches('"');
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`; not `unknown` or `_hidden`.
fn parse_node(node: &str) -> Option<IpAddr> {
    if let Ok(ip) = node.parse() {
        return Some(ip);
    }
    if let Some(rest) = node.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    node.split_once(':')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_first_address_of_a_forwarded_list() {
        let ip = |s: &str| Some(s.parse::<IpAddr>().expect("an address"));
        assert_eq!(forwarded_client(None, Some("192.0.2.1, 10.0.0.1")), ip("192.0.2.1"));
        assert_eq!(forwarded_client(None, Some("192.0.2.1:4711")), ip("192.0.2.1"));
        let quoted = r#"proto=https;For="[2001:db8::1]:4711", for=10.0.0.1"#;
        assert_eq!(forwarded_client(Some(quoted), Some("10.9.9.9")), ip("2001:db8::1"));
        assert_eq!(forwarded_client(Some("for=unknown"), None), None);
        assert_eq!(forwarded_parameter(quoted, "proto"), Some("https"));
    }
}

//! The attributes of a request: bounded, and forwarded headers trusted only where that is set.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use opentelemetry::trace::SpanBuilder;

use super::headers::Lines;
use opentelemetry_http_semconv::{
    CapturedHeader, ClientRequest, Headers, KnownMethods, ServerRequest, host_and_port,
    redact_query,
};

/// Builds attributes from headers, one a line. `:method`, `:path`, `:query` and `:host` stand for
/// the request line.
pub fn attributes(data: &[u8]) {
    check(&Lines::parse(data));
}

const PEER: &str = "192.0.2.7:4711";

/// The headers in which a client can claim another origin.
const FORWARDED: [&str; 5] =
    ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP"];

fn check(lines: &Lines) {
    let known = KnownMethods::default();
    let [untrusted, trusted] =
        [false, true].map(|trust| attributes_of(&span(lines, &known, trust)));
    let without = attributes_of(&span(&lines.without(&FORWARDED), &known, false));
    assert_eq!(untrusted, without, "untrusted headers change nothing");
    assert_eq!(untrusted["client.address"], "192.0.2.7");

    for (trust, attributes) in [(false, untrusted), (true, trusted)] {
        let span = span(lines, &known, trust);
        let method = &attributes["http.request.method"];
        let name = if method == "_OTHER" { "HTTP" } else { method };
        assert_eq!(span.name, name, "a name holds no text of a client's");
        assert!(method == "_OTHER" || known.contains(method), "{method}");
        let all = span.attributes.unwrap_or_default();
        assert_eq!(all.len(), attributes.len(), "each key once: {all:?}");
        assert!(all.len() <= 13, "{all:?}");

        assert!(["http", "https"].contains(&attributes["url.scheme"].as_str()), "{attributes:?}");
        assert!(attributes["client.address"].parse::<IpAddr>().is_ok(), "{attributes:?}");
        assert_eq!(attributes["network.peer.address"], "192.0.2.7");
        assert_eq!(attributes["url.path"], lines.first(":path").unwrap_or_default());
        let query = lines.first(":query").map(|query| redact_query(query).into_owned());
        assert_eq!(attributes.get("url.query"), query.as_ref());
        assert_eq!(
            attributes.get("user_agent.original").map(String::as_str),
            lines.first("User-Agent")
        );
        let port = attributes.get("server.port").map(|port| port.parse::<u16>());
        assert!(port.is_none_or(|port| port.is_ok()), "{attributes:?}");
    }
    check_call(lines, &known);
}

/// A server span about to start, as a server builds it from these lines.
fn span(lines: &Lines, known: &KnownMethods, trust: bool) -> SpanBuilder {
    let mut request = ServerRequest {
        method: known.normalize(lines.first(":method").unwrap_or("GET")),
        scheme: "http",
        host: lines.first(":host").map(host_and_port),
        local: "127.0.0.1".parse().ok().map(|address: IpAddr| (address, 8000)),
        peer: PEER.parse::<SocketAddr>().ok(),
        client: None,
        path: lines.first(":path").unwrap_or_default(),
        query: lines.first(":query"),
        user_agent: lines.first("User-Agent"),
    };
    if trust {
        request.trust_forwarded(lines);
    }
    request.span(lines, &CapturedHeader::of_requests(["X-Kept"]))
}

fn attributes_of(span: &SpanBuilder) -> BTreeMap<String, String> {
    let all = span.attributes.iter().flatten();
    all.map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
}

/// The labels of a client's metric hold nothing but a known method, host and port.
fn check_call(lines: &Lines, known: &KnownMethods) {
    let method = lines.first(":method").unwrap_or("GET");
    let request = ClientRequest {
        method: known.normalize(method),
        url: "http://localhost/",
        host: "localhost",
        port: Some(80),
        resend_count: 0,
    };
    let labels = request.labels();
    let value = |key: &str| {
        let found = labels.iter().find(|kv| kv.key.as_str() == key);
        found.map(|kv| kv.value.to_string()).unwrap_or_default()
    };
    assert_eq!(labels.len(), 3, "{labels:?}");
    let name = value("http.request.method");
    assert!(name == "_OTHER" || (name == method && known.contains(method)), "{name}");
    assert_eq!((value("server.address"), value("server.port")), ("localhost".into(), "80".into()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines() -> impl Strategy<Value = Lines> {
        let names = [
            ":method",
            ":path",
            ":query",
            ":host",
            "Forwarded",
            "X-Forwarded-For",
            "X-Real-IP",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "User-Agent",
            "X-Kept",
            "X-Other",
            "Cookie",
        ];
        let value = prop_oneof![
            2 => any::<String>(),
            1 => prop::sample::select(&["GET", "BREW", "https", "a:1", "[::1]:65536"][..]).prop_map(str::to_owned),
            1 => "((for|proto|host|For)=\"?(\\[::1\\]|192\\.0\\.2\\.[0-9]{1,3}|https?|unknown)(:[0-9]{1,6})?\"?[;,]?){0,4}",
            1 => "([0-9a-z.:\\[\\]]{0,12},? ?){0,3}",
        ];
        let line = (prop::sample::select(Vec::from(names)).prop_map(str::to_owned), value);
        prop::collection::vec(line, 0..10).prop_map(Lines)
    }

    fn one(name: &str, value: String) -> Lines {
        Lines(vec![(name.to_owned(), value)])
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn attributes_are_bounded_and_forwarded_headers_only_count_where_trusted(lines in lines()) {
            check(&lines);
        }

        #[test]
        fn a_trusted_list_of_addresses_begins_with_the_client(
            client: IpAddr, others in "(, [0-9a-z.]{0,9}){0,3}", port in prop::option::of(any::<u16>()),
        ) {
            let node = match (client, port) {
                (_, None) => client.to_string(),
                (IpAddr::V4(ip), Some(port)) => format!("{ip}:{port}"),
                (IpAddr::V6(ip), Some(port)) => format!("[{ip}]:{port}"),
            };
            for headers in [
                one("x-forwarded-for", format!("{node}{others}")),
                one("forwarded", format!("proto=https;for=\"{node}\"{others}")),
            ] {
                let attributes = attributes_of(&span(&headers, &KnownMethods::default(), true));
                prop_assert_eq!(&attributes["client.address"], &client.to_string(), "{:?}", headers);
            }
        }

        #[test]
        fn a_host_is_split_from_its_port(name in "[a-z.]{1,9}|\\[[0-9a-f:]{2,9}\\]", port: u16) {
            let both = format!("{name}:{port}");
            prop_assert_eq!(host_and_port(&both), (name.as_str(), Some(port)));
            prop_assert_eq!(host_and_port(&name), (name.as_str(), None));
        }
    }
}

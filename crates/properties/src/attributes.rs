//! What spans and metrics tell of a request: bounded where it must be, and believed only if asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use opentelemetry::trace::SpanBuilder;

use super::headers::Lines;
use opentelemetry_http_semconv::Headers;
use opentelemetry_http_semconv::attributes::{KnownMethods, redact_query};
use opentelemetry_http_semconv::call::Call;
use opentelemetry_http_semconv::request::{Incoming, Named, Origin, captured, host_and_port};

/// The building of attributes, of headers that stand one a line. `:method`, `:path`, `:query` and
/// `:host` are what stands before the headers.
pub fn attributes(data: &[u8]) {
    check(&Lines::parse(data));
}

const PEER: &str = "192.0.2.7:4711";

/// What a client may make up about where it comes from.
const FORWARDED: [&str; 5] =
    ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP"];

fn check(lines: &Lines) {
    let known = KnownMethods::default();
    let [untrusted, trusted] = [false, true].map(|trust| told(&span(lines, &known, trust)));
    let silent = told(&span(&lines.without(&FORWARDED), &known, false));
    assert_eq!(untrusted, silent, "what nobody asked to believe counts for nothing");
    assert_eq!(untrusted["client.address"], "192.0.2.7");

    for (trust, told) in [(false, untrusted), (true, trusted)] {
        let span = span(lines, &known, trust);
        let method = &told["http.request.method"];
        let named = if method == "_OTHER" { "HTTP" } else { method };
        assert_eq!(span.name, named, "a name is no place for what a client sends");
        assert!(method == "_OTHER" || known.contains(method), "{method}");
        let all = span.attributes.unwrap_or_default();
        assert_eq!(all.len(), told.len(), "each key stands once: {all:?}");
        assert!(all.len() <= 13, "{all:?}");

        assert!(["http", "https"].contains(&told["url.scheme"].as_str()), "{told:?}");
        assert!(told["client.address"].parse::<IpAddr>().is_ok(), "{told:?}");
        assert_eq!(told["network.peer.address"], "192.0.2.7");
        assert_eq!(told["url.path"], lines.first(":path").unwrap_or_default());
        let query = lines.first(":query").map(|query| redact_query(query).into_owned());
        assert_eq!(told.get("url.query"), query.as_ref());
        assert_eq!(told.get("user_agent.original").map(String::as_str), lines.first("User-Agent"));
        let port = told.get("server.port").map(|port| port.parse::<u16>());
        assert!(port.is_none_or(|port| port.is_ok()), "{told:?}");
    }
    check_call(lines, &known);
}

/// A server span about to start, as a server would make it of these lines.
fn span(lines: &Lines, known: &KnownMethods, trust: bool) -> SpanBuilder {
    let method = lines.first(":method").unwrap_or("GET");
    let incoming = Incoming {
        scheme: "http",
        host: lines.first(":host").map(host_and_port),
        local: "127.0.0.1".parse().ok().map(|address: IpAddr| (address, 8000)),
        peer: PEER.parse::<SocketAddr>().ok(),
        path: lines.first(":path").unwrap_or_default(),
        query: lines.first(":query"),
        user_agent: lines.first("User-Agent"),
    };
    let (told, original) = known.told(method);
    let named = Named { method: told.to_owned().into(), original };
    let captured = captured("http.request.header.", ["X-Kept"]);
    Origin::of(incoming, lines, trust).span(&named, lines, &captured)
}

fn told(span: &SpanBuilder) -> BTreeMap<String, String> {
    let all = span.attributes.iter().flatten();
    all.map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
}

/// What labels a metric of a call has no part that a server's client could make up.
fn check_call(lines: &Lines, known: &KnownMethods) {
    let method = lines.first(":method").unwrap_or("GET");
    let call = Call::new(method, known, "localhost", Some(80));
    let labels = call.labels();
    let value = |key: &str| {
        let found = labels.iter().find(|kv| kv.key.as_str() == key);
        found.map(|kv| kv.value.to_string()).unwrap_or_default()
    };
    assert_eq!(labels.len(), 3, "{labels:?}");
    let told = value("http.request.method");
    assert!(told == "_OTHER" || (told == method && known.contains(method)), "{told}");
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
        fn attributes_are_bounded_and_forwarded_headers_believed_only_if_asked(lines in lines()) {
            check(&lines);
        }

        #[test]
        fn who_asks_to_believe_is_told_the_first_address(
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
                let told = told(&span(&headers, &KnownMethods::default(), true));
                prop_assert_eq!(&told["client.address"], &client.to_string(), "{:?}", headers);
            }
        }

        #[test]
        fn a_host_and_its_port_are_told_apart(name in "[a-z.]{1,9}|\\[[0-9a-f:]{2,9}\\]", port: u16) {
            let both = format!("{name}:{port}");
            prop_assert_eq!(host_and_port(&both), (name.as_str(), Some(port)));
            prop_assert_eq!(host_and_port(&name), (name.as_str(), None));
        }

        #[test]
        fn any_bytes_are_a_request(data: Vec<u8>) {
            attributes(&data);
        }
    }
}

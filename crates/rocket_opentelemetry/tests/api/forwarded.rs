//! `Forwarded` and `X-Forwarded-*`: trusted only where the application says so.

use rocket_opentelemetry::RequestTracing;

use crate::support::{SpanDataExt, TestApp};

/// The client, scheme, server and port that the span of a request with these header lines has.
async fn origin(trust: Option<bool>, headers: &str) -> (String, String, String, i64) {
    let change = |tracing: RequestTracing| match trust {
        Some(trust) => tracing.trust_forwarded(trust),
        None => tracing,
    };
    let (server, app) = TestApp::new().tracing(change).launch().await;
    assert_eq!(server.get("/base/plain", headers).await.status, 200);
    let span = app.spans.ended().await;
    assert_eq!(span.text("network.peer.address"), Some("127.0.0.1"), "never forwarded");
    let scheme = span.text("url.scheme").expect("a scheme");
    let point = app.metrics.point("http.server.request.duration");
    assert_eq!(point.label("url.scheme"), Some(scheme));
    let text = |key: &str| span.text(key).expect("present").to_owned();
    let port = span.int("server.port").expect("a port");
    (text("client.address"), scheme.to_owned(), text("server.address"), port)
}

fn expected(client: &str, scheme: &str, server: &str, port: i64) -> (String, String, String, i64) {
    (client.to_owned(), scheme.to_owned(), server.to_owned(), port)
}

#[tokio::test]
async fn forwarded_headers_are_not_trusted_by_default() {
    let direct = expected("127.0.0.1", "http", "localhost", 80);
    let spoofed = "Forwarded: for=203.0.113.9;proto=https;host=evil.example\r\n\
        X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
        X-Forwarded-Host: evil.example\r\n";
    assert_eq!(origin(None, spoofed).await, direct);
    assert_eq!(origin(Some(false), spoofed).await, direct);
    // Rocket's own header for a client's address changes no attribute of the peer.
    origin(Some(false), "X-Real-IP: 203.0.113.9\r\n").await;
}

#[tokio::test]
async fn a_trusted_proxy_provides_client_scheme_and_host() {
    for (headers, client, scheme, server, port) in [
        (
            "Forwarded: for=\"[2001:db8::9]:1234\";proto=https;host=shop.example, for=10.0.0.1\r\n",
            "2001:db8::9",
            "https",
            "shop.example",
            443,
        ),
        (
            "X-Forwarded-For: 2001:db8::9, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\
             X-Forwarded-Host: shop.example\r\n",
            "2001:db8::9",
            "https",
            "shop.example",
            443,
        ),
        // Quoted strings hold separators; what `Forwarded` lacks comes from `X-Forwarded-*`.
        (
            "Forwarded: for=192.0.2.1;ext=\"a,b\";proto=https;host=shop.example\r\n",
            "192.0.2.1",
            "https",
            "shop.example",
            443,
        ),
        (
            "Forwarded: for=192.0.2.60\r\nX-Forwarded-Proto: https\r\n",
            "192.0.2.60",
            "https",
            "localhost",
            443,
        ),
        // User information may be a password.
        ("X-Forwarded-Host: user:pw@shop.example\r\n", "127.0.0.1", "http", "localhost", 80),
        // Hosts with a port.
        ("X-Forwarded-Host: shop.example:8443\r\n", "127.0.0.1", "http", "shop.example", 8443),
        ("X-Forwarded-Host: [2001:db8::1]:8443\r\n", "127.0.0.1", "http", "2001:db8::1", 8443),
        ("X-Forwarded-Host: [2001:db8::1]\r\n", "127.0.0.1", "http", "2001:db8::1", 80),
        // What cannot be parsed changes nothing.
        (
            "X-Forwarded-For: unknown\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: \r\n",
            "127.0.0.1",
            "http",
            "localhost",
            80,
        ),
        ("Forwarded: for=_hidden;proto=\"\";;;=\r\n", "127.0.0.1", "http", "localhost", 80),
        ("Forwarded: \r\n", "127.0.0.1", "http", "localhost", 80),
        ("X-Forwarded-For: ,,,\r\n", "127.0.0.1", "http", "localhost", 80),
    ] {
        let expected = expected(client, scheme, server, port);
        assert_eq!(origin(Some(true), headers).await, expected, "{headers}");
    }
}

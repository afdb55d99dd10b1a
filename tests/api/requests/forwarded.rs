//! `Forwarded` and `X-Forwarded-*`: believed behind a switch only.

use opentelemetry_sdk::trace::SpanData;

use crate::harness::{Foreign, SpanDataExt};

const SPOOFED: &str = "Forwarded: for=203.0.113.9;proto=https;host=evil.example\r\n\
    X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n";

async fn span_of(trust: bool, headers: &str) -> SpanData {
    let (server, app) = Foreign::new().tracing(|t| t.trust_forwarded(trust)).launch().await;
    assert_eq!(server.get("/base/plain", headers).await.status, 200);
    app.spans.ended().await
}

#[tokio::test]
async fn forwarded_headers_are_not_believed_by_default() {
    let (server, app) = Foreign::new().launch().await;
    server.get("/base/plain", SPOOFED).await;
    let span = app.spans.ended().await;
    assert_eq!(span.text("client.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(span.text("server.address").as_deref(), Some("localhost"));
    assert_eq!(span.text("url.scheme").as_deref(), Some("http"));
    let point = app.metrics.point("http.server.request.duration");
    assert_eq!(point.label("url.scheme"), Some("http"));
}

#[tokio::test]
async fn rockets_own_ip_header_is_no_way_around_the_switch() {
    let span = span_of(false, "X-Real-IP: 203.0.113.9\r\n").await;
    assert_eq!(span.text("network.peer.address").as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_trusted_proxy_tells_client_scheme_and_host() {
    for headers in [
        "Forwarded: for=\"[2001:db8::9]:1234\";proto=https;host=shop.example, for=10.0.0.1\r\n",
        "X-Forwarded-For: 2001:db8::9, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: shop.example\r\n",
    ] {
        let span = span_of(true, headers).await;
        assert_eq!(span.text("client.address").as_deref(), Some("2001:db8::9"), "{headers}");
        assert_eq!(span.text("url.scheme").as_deref(), Some("https"), "{headers}");
        assert_eq!(span.text("server.address").as_deref(), Some("shop.example"), "{headers}");
        assert_eq!(span.int("server.port"), Some(443), "{headers}");
        assert_eq!(span.text("network.peer.address").as_deref(), Some("127.0.0.1"), "the proxy");
    }
}

#[tokio::test]
async fn a_trusted_proxy_tells_a_host_with_a_port() {
    for (host, address, port) in [
        ("shop.example:8443", "shop.example", 8443),
        ("[2001:db8::1]:8443", "2001:db8::1", 8443),
        ("[2001:db8::1]", "2001:db8::1", 80),
    ] {
        let span = span_of(true, &format!("X-Forwarded-Host: {host}\r\n")).await;
        assert_eq!(span.text("server.address").as_deref(), Some(address), "{host}");
        assert_eq!(span.int("server.port"), Some(port), "{host}");
    }
}

#[tokio::test]
async fn what_a_trusted_proxy_garbles_is_as_if_it_were_not_there() {
    for headers in [
        "X-Forwarded-For: unknown\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: \r\n",
        "Forwarded: for=_hidden;proto=\"\";;;=\r\n",
        "Forwarded: \r\n",
        "X-Forwarded-For: ,,,\r\n",
    ] {
        let span = span_of(true, headers).await;
        assert_eq!(span.text("client.address").as_deref(), Some("127.0.0.1"), "{headers}");
        assert_eq!(span.text("url.scheme").as_deref(), Some("http"), "{headers}");
        assert_eq!(span.text("server.address").as_deref(), Some("localhost"), "{headers}");
    }
}

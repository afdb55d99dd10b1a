//! Attributes: where a request came from and what it asked for.

use opentelemetry::{Array, Value};
use rocket_opentelemetry::RequestTracing;

use crate::support::{PARENT_ID, SpanDataExt, TRACE_ID, TestApp};

/// A request with this `Host` line, or none.
fn request(host: &str) -> String {
    format!("GET /base/plain HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn the_host_header_names_the_server_and_its_port() {
    let (server, app) = TestApp::new().launch().await;
    for (host, address, port) in [
        ("example.org", "example.org", 80),
        ("example.org:8443", "example.org", 8443),
        ("[2001:db8::1]:8080", "2001:db8::1", 8080),
        ("[::1]", "::1", 80),
        ("127.0.0.1:9", "127.0.0.1", 9),
    ] {
        app.spans.forget();
        assert_eq!(server.exchange(request(host)).await.status, 200, "{host}");
        let span = app.spans.ended().await;
        let named = (span.text("server.address"), span.int("server.port"));
        assert_eq!(named, (Some(address), Some(port)), "{host}");
    }
}

#[tokio::test]
async fn without_a_host_header_the_server_is_the_address_that_it_listens_on() {
    let (server, app) = TestApp::new().launch().await;
    assert_eq!(server.exchange("GET /base/plain HTTP/1.0\r\n\r\n").await.status, 200);
    let span = app.spans.ended().await;
    let port = i64::from(server.address.port());
    let named = (span.text("server.address"), span.int("server.port"));
    assert_eq!(named, (Some("127.0.0.1"), Some(port)));
}

#[tokio::test]
async fn an_invalid_host_header_is_no_server_error() {
    let (server, app) = TestApp::new().launch().await;
    for host in ["", ":80", "a b", "[::1", "x:99999"] {
        app.spans.forget();
        let status = server.exchange(request(host)).await.status;
        assert!(status < 500, "{host:?}: {status}");
    }
}

#[tokio::test]
async fn the_peer_is_the_client_and_what_a_request_does_not_have_is_absent() {
    let (server, app) = TestApp::new().launch().await;
    server.get("/base/plain", "").await;
    let span = app.spans.ended().await;
    assert_eq!(span.text("client.address"), Some("127.0.0.1"));
    assert_eq!(span.text("network.peer.address"), Some("127.0.0.1"));
    assert!(span.int("network.peer.port").is_some_and(|port| port > 0));
    let absent = ["user_agent.original", "url.query", "http.request.method_original", "error.type"];
    for key in absent {
        assert!(span.value(key).is_none(), "{key}");
    }
}

#[tokio::test]
async fn signed_query_values_are_redacted_and_the_rest_is_kept() {
    let app = TestApp::new().local().await;
    let query = "a=1&sig=s3cret&X-Amz-Signature=s3cret&b=2&AWSAccessKeyId=s3cret&Signature=s3cret\
                 &X-Goog-Signature=s3cret&X-Amz-Credential=s3cret&X-Amz-Security-Token=s3cret&sigma=4";
    app.get(&format!("/base/plain?{query}")).await;
    let expected = query.replace("s3cret", "REDACTED");
    assert_eq!(app.spans.only().text("url.query"), Some(&*expected));
    assert!(!format!("{:?}", app.spans.all()).contains("s3cret"));
}

#[tokio::test]
async fn only_the_listed_headers_are_captured_as_lists() {
    let request_headers = [" X-Asked ", "x-absent"];
    let response_headers = ["X-Answer", "Content-Type", "X-Absent"];
    let app = TestApp::new()
        .tracing(|t| t.capture_request_headers(request_headers))
        .tracing(|t| t.capture_response_headers(response_headers))
        .local()
        .await;
    let sent = [("X-Asked", "one"), ("x-asked", "two"), ("X-Secret", "s3cret")];
    app.get_with("/base/headers", &sent).await;
    let span = app.spans.only();
    for key in ["http.request.header.x-asked", "http.response.header.x-answer"] {
        let one_two = Value::Array(Array::String(vec!["one".into(), "two".into()]));
        assert_eq!(span.value(key), Some(&one_two), "{key}");
    }
    for absent in ["http.request.header.x-absent", "http.response.header.x-absent"] {
        assert!(span.value(absent).is_none(), "{absent}");
    }
    assert!(!format!("{span:?}").contains("s3cret"));
}

#[tokio::test]
async fn excluded_paths_and_paths_below_them_are_not_traced() {
    // Compared by segments, as Rocket routes: `/bare/` is the same prefix as `/bare`.
    let app = TestApp::new().tracing(|t| t.exclude(["/base/plain", "/bare/"])).local().await;
    for path in [
        "/base/plain",
        "/bare/1/item",
        "/bare",
        "/base/plain/below",
        "//base/plain",
        "/base//plain/",
        "/base/pl%61in",
    ] {
        let answer = app.get(path).await;
        assert!(answer.header("traceresponse").is_none(), "{path}");
    }
    let servers = |names: Vec<String>| names.iter().filter(|name| name.starts_with("GET")).count();
    assert_eq!(servers(app.spans.names()), 0);
    assert!(app.metrics.points("http.server.request.duration").is_empty());

    // A longer segment is another path.
    app.get("/base/plainer").await;
    assert_eq!(servers(app.spans.names()), 1);
}

/// The fairing predicts from the last span whether the next one records.
#[tokio::test]
async fn deferred_attributes_are_the_same_whatever_the_last_span_did() {
    let at_creation = TestApp::new().local().await;
    let deferred = TestApp::new().tracing(RequestTracing::defer_attributes).local().await;
    for recorded in [true, false, false, true, true, false, true] {
        let parent = format!("00-{TRACE_ID}-{PARENT_ID}-0{}", u8::from(recorded));
        let headers = [("traceparent", &*parent), ("host", "example.org:81"), ("user-agent", "a")];
        let [at_creation, deferred] = [&at_creation, &deferred].map(|app| async {
            app.spans.forget();
            app.get_with("/base/plain?q=1", &headers).await;
            app.spans.all().into_iter().map(|span| span.attributes).collect::<Vec<_>>()
        });
        let (at_creation, deferred) = (at_creation.await, deferred.await);
        assert_eq!(at_creation.len(), usize::from(recorded));
        assert!(at_creation.iter().all(|attributes| attributes.len() >= 9), "{at_creation:#?}");
        assert_eq!(deferred, at_creation);
    }
}

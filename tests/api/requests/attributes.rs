//! Where a request came from and what it asked for.

use opentelemetry::{Array, Value};
use rocket_opentelemetry::RequestTracing;

use crate::harness::{Foreign, PARENT_ID, SpanDataExt, TRACE_ID};

#[tokio::test]
async fn the_host_header_names_the_server_and_its_port() {
    let (server, app) = Foreign::new().launch().await;
    for (host, address, port) in [
        ("example.org", "example.org", 80),
        ("example.org:8443", "example.org", 8443),
        ("[2001:db8::1]:8080", "2001:db8::1", 8080),
        ("[::1]", "::1", 80),
        ("127.0.0.1:9", "127.0.0.1", 9),
    ] {
        app.spans.forget();
        let request =
            format!("GET /base/plain HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(server.exchange(request).await.status, 200, "{host}");
        let span = app.spans.ended().await;
        assert_eq!(span.text("server.address").as_deref(), Some(address), "{host}");
        assert_eq!(span.int("server.port"), Some(port), "{host}");
    }
}

#[tokio::test]
async fn without_a_host_header_the_server_is_the_address_it_listens_on() {
    let (server, app) = Foreign::new().launch().await;
    assert_eq!(server.exchange("GET /base/plain HTTP/1.0\r\n\r\n").await.status, 200);
    let span = app.spans.ended().await;
    assert_eq!(span.text("server.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(span.int("server.port"), Some(i64::from(server.address.port())));
}

#[tokio::test]
async fn a_host_header_that_is_none_is_passed_over() {
    let (server, app) = Foreign::new().launch().await;
    for host in ["", ":80", "a b", "[::1", "x:99999"] {
        app.spans.forget();
        let request =
            format!("GET /base/plain HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let status = server.exchange(request).await.status;
        assert!(status < 500, "{host:?}: {status}");
    }
}

#[tokio::test]
async fn the_peer_is_the_client_where_nobody_is_between() {
    let (server, app) = Foreign::new().launch().await;
    server.get("/base/plain", "").await;
    let span = app.spans.ended().await;
    assert_eq!(span.text("client.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(span.text("network.peer.address").as_deref(), Some("127.0.0.1"));
    assert!(span.int("network.peer.port").is_some_and(|port| port > 0));
}

#[tokio::test]
async fn what_the_request_does_not_say_is_not_made_up() {
    let (server, app) = Foreign::new().launch().await;
    server.get("/base/plain", "").await;
    let span = app.spans.ended().await;
    let absent = ["user_agent.original", "url.query", "http.request.method_original", "error.type"];
    for key in absent {
        assert!(span.value(key).is_none(), "{key}");
    }
}

#[tokio::test]
async fn signed_query_values_are_redacted_and_the_rest_stays() {
    let app = Foreign::new().local().await;
    let query = "a=1&sig=s3cret&X-Amz-Signature=s3cret&b=2&AWSAccessKeyId=s3cret&Signature=s3cret\
                 &X-Goog-Signature=s3cret&X-Amz-Credential=s3cret&X-Amz-Security-Token=s3cret&sigma=4";
    app.get(&format!("/base/plain?{query}")).await;
    let expected = query.replace("s3cret", "REDACTED");
    assert_eq!(app.spans.only().text("url.query"), Some(expected));
    assert!(!format!("{:?}", app.spans.all()).contains("s3cret"));
}

#[tokio::test]
async fn headers_are_captured_as_lists_only_where_asked() {
    let app = Foreign::new()
        .tracing(|t| {
            t.capture_request_headers([" X-Asked ", "x-absent"]).capture_response_headers([
                "X-Answer",
                "Content-Type",
                "X-Absent",
            ])
        })
        .local()
        .await;
    let sent = [("X-Asked", "one"), ("x-asked", "two"), ("X-Secret", "s3cret")];
    app.get_with("/base/headers", &sent).await;
    let span = app.spans.only();
    let texts = |key: &str| match span.value(key) {
        Some(Value::Array(Array::String(texts))) => {
            texts.iter().map(|text| text.as_str().to_owned()).collect::<Vec<_>>()
        }
        None => Vec::new(),
        other => panic!("{key} is no list of texts: {other:?}"),
    };
    assert_eq!(texts("http.request.header.x-asked"), ["one", "two"]);
    assert_eq!(texts("http.response.header.x-answer"), ["one", "two"]);
    for absent in ["http.request.header.x-absent", "http.response.header.x-absent"] {
        assert!(span.value(absent).is_none(), "{absent}");
    }
    assert!(!format!("{span:?}").contains("s3cret"));
}

#[tokio::test]
async fn excluded_paths_and_what_is_below_them_are_not_traced() {
    let app = Foreign::new().tracing(|t| t.exclude(["/base/plain", "/bare"])).local().await;
    for path in ["/base/plain", "/bare/1/item", "/bare", "/base/plain/below"] {
        let answer = app.get(path).await;
        assert!(answer.header("traceresponse").is_none(), "{path}");
    }
    let servers = |names: Vec<String>| names.iter().filter(|name| name.starts_with("GET")).count();
    assert_eq!(servers(app.spans.names()), 0);
    assert!(app.metrics.points("http.server.request.duration").is_empty());

    // A path that only begins alike is another one.
    app.get("/base/plainer").await;
    assert_eq!(servers(app.spans.names()), 1);
}

/// The fairing guesses from the last span whether the next will record.
#[tokio::test]
async fn attributes_that_may_come_late_are_the_same_whatever_was_recorded_before() {
    let prompt = Foreign::new().local().await;
    let late = Foreign::new().tracing(RequestTracing::defer_attributes).local().await;
    for recorded in [true, false, false, true, true, false, true] {
        let parent = format!("00-{TRACE_ID}-{PARENT_ID}-0{}", u8::from(recorded));
        let headers = [("traceparent", &*parent), ("host", "example.org:81"), ("user-agent", "a")];
        let [prompt, late] = [&prompt, &late].map(|app| async {
            app.spans.forget();
            app.get_with("/base/plain?q=1", &headers).await;
            app.spans.all().into_iter().map(|span| span.attributes).collect::<Vec<_>>()
        });
        let (prompt, late) = (prompt.await, late.await);
        assert_eq!(prompt.len(), usize::from(recorded));
        assert!(prompt.iter().all(|attributes| attributes.len() >= 9), "{prompt:#?}");
        assert_eq!(late, prompt);
    }
}

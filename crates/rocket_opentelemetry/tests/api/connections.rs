//! Clients that leave, streams that stay, upgrades and shutdown.

use opentelemetry::trace::Status;

use crate::support::{SpanDataExt, TestApp};

#[tokio::test]
async fn a_client_that_leaves_during_the_body_is_an_error() {
    let (server, app) = TestApp::new().launch().await;
    let mut client = server.connect().await;
    client.send("GET /base/endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.read_until("xxxx").await;
    assert!(app.spans.all().is_empty());
    drop(client);
    let span = app.spans.ended().await;
    assert_eq!(span.name, "GET /base/endless");
    assert_eq!(span.text("error.type"), Some("client_disconnected"));
    assert_eq!(span.int("http.response.status_code"), Some(200));
    assert!(span.is_error());
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_response_is_an_error_and_the_handler_runs_on() {
    let (server, app) = TestApp::new().launch().await;
    let mut client = server.connect().await;
    client.send("GET /base/gated-endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    app.gate.entered.acquire().await.expect("the gate exists").forget();
    drop(client);
    app.gate.open.add_permits(1);
    let span = app.spans.ended().await;
    assert_eq!(span.name, "GET /base/gated-endless");
    assert_eq!(span.text("error.type"), Some("client_disconnected"));
    assert_eq!(app.metrics.active(), 0);
    assert_eq!(server.get("/base/plain", "").await.status, 200);
}

#[tokio::test]
async fn the_span_of_an_event_stream_ends_with_its_head_and_only_once() {
    let (server, app) = TestApp::new().launch().await;
    let mut client = server.connect().await;
    client.send("GET /base/events HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let head = client.read_until("data:first").await;
    assert!(head.contains("text/event-stream") && head.contains("traceresponse: 00-"));
    let span = app.spans.ended().await;
    assert_eq!((span.status.clone(), span.value("error.type")), (Status::Unset, None));
    assert_eq!(span.text("http.route"), Some("/base/events"));
    assert_eq!(app.metrics.active(), 0);

    app.gate.open.add_permits(1);
    client.read_until("data:last").await;
    drop(client);
    assert_eq!(server.get("/base/plain", "").await.status, 200);
    let spans = app.spans.ended_count(2).await;
    assert_eq!(spans.len(), 2, "it does not end twice: {spans:?}");
}

#[tokio::test]
async fn an_event_stream_is_measured_once() {
    let app = TestApp::new().local().await;
    app.gate.open.add_permits(1);
    assert!(app.get("/base/events").await.text().contains("data:last"));
    assert_eq!(app.spans.all().len(), 1);
    assert_eq!(app.metrics.point("http.server.request.duration").count, 1);
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn an_upgraded_connection_works_and_its_span_has_status_101() {
    let (server, app) = TestApp::new().launch().await;
    let mut client = server.connect().await;
    let head = "GET /base/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    client.send(head).await;
    let head = client.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.send("ping").await;
    client.read_until("ping").await;
    let span = app.spans.ended().await;
    assert_eq!((span.name.as_ref(), &span.status), ("GET /base/echo", &Status::Unset));
    assert_eq!(span.int("http.response.status_code"), Some(101));
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn an_upgrade_that_the_client_does_not_ask_for_is_a_plain_response() {
    let (server, app) = TestApp::new().launch().await;
    assert_eq!(server.get("/base/echo", "").await.status, 200);
    assert_eq!(app.spans.ended().await.int("http.response.status_code"), Some(200));
}

#[tokio::test]
async fn each_request_on_a_connection_is_a_trace_of_its_own() {
    let (server, app) = TestApp::new().launch().await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send("GET /base/plain HTTP/1.1\r\nHost: x\r\n\r\n").await;
        client.read_until("plain text").await;
    }
    let spans = app.spans.ended_count(3).await;
    let traces: std::collections::HashSet<_> = spans.iter().map(SpanDataExt::trace_id).collect();
    assert_eq!((spans.len(), traces.len()), (3, 3));
}

#[tokio::test]
async fn a_request_in_flight_at_shutdown_is_answered_and_its_span_is_complete() {
    let (server, app) = TestApp::new().launch().await;
    let mut client = server.connect().await;
    client.send("GET /base/gated HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    app.gate.entered.acquire().await.expect("the gate exists").forget();
    server.shutdown.notify();
    app.gate.open.add_permits(1);
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "at last"));
    server.ended.await.expect("no panic").expect("a clean end");
    let span = app.spans.only();
    assert_eq!((span.name.as_ref(), &span.status), ("GET /base/gated", &Status::Unset));
    assert_eq!(app.metrics.active(), 0);
}

//! Bodies: the span ends once they have been sent, and they are sent unchanged.

use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use rocket::futures::FutureExt;
use tokio::io::AsyncReadExt;

use crate::support::{SpanDataExt, TestApp};

#[tokio::test]
async fn the_span_ends_after_the_body_and_not_before() {
    let app = TestApp::new().local().await;
    let response = app.client.get("/base/plain").dispatch().await;
    assert!(app.spans.all().is_empty(), "the body has not been read yet");
    assert_eq!(app.metrics.active(), 1);
    assert_eq!(response.into_string().await.as_deref(), Some("plain text"));
    assert_eq!(app.spans.only().status, Status::Unset);
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn a_watched_body_keeps_its_length_or_its_chunks() {
    let (server, app) = TestApp::new().launch().await;
    let (sized, chunked) = (|length| (Some(length), None), (None, Some("chunked")));
    for (path, status, text, (length, encoding)) in [
        ("/base/plain", 200, "plain text", sized("10")),
        ("/base/empty", 200, "", sized("0")),
        ("/base/streamed", 200, "one two end ", chunked),
        ("/base/nothing", 204, "", (None, None)),
        ("/base/not-modified", 304, "", sized("18")),
    ] {
        app.spans.forget();
        let answer = server.get(path, "").await;
        assert_eq!((answer.status, answer.text()), (status, text), "{path}");
        assert_eq!(answer.header("Transfer-Encoding"), encoding, "{path}");
        if status != 304 {
            assert_eq!(answer.header("Content-Length"), length, "{path}");
        }
        let span = app.spans.ended().await;
        assert_eq!(span.int("http.response.status_code"), Some(i64::from(status)), "{path}");
        assert_eq!((&span.status, span.value("error.type")), (&Status::Unset, None), "{path}");
    }
}

#[tokio::test]
async fn a_body_keeps_its_chunk_size() {
    let (server, app) = TestApp::new().launch().await;
    let mut connection = server.connect().await;
    connection.send("GET /base/chunky HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let all = connection.read_until("\r\n0\r\n\r\n").await;
    let (_, body) = all.split_once("\r\n\r\n").expect("a head and a body");
    assert_eq!(body, "7\r\nxxxxxxx\r\n7\r\nxxxxxxx\r\n7\r\nxxxxxxx\r\n0\r\n\r\n");
    assert_eq!(app.spans.ended().await.status, Status::Unset);
}

/// Asserts on the span of a response that was not sent whole: it has the status that was sent.
fn assert_cut_short(span: &SpanData, error: &str) {
    assert_eq!(span.int("http.response.status_code"), Some(200));
    assert_eq!(span.text("error.type"), Some(error));
    assert!(span.is_error() && !span.description().is_empty());
}

#[tokio::test]
async fn a_body_that_fails_is_an_error_with_its_reason() {
    let (server, app) = TestApp::new().launch().await;
    let answer = server.get("/base/failing", "").await;
    assert_eq!(answer.status, 200, "the head was sent before");
    let span = app.spans.ended().await;
    assert_cut_short(&span, "body_error");
    assert_eq!(span.exception_message().as_deref(), Some("the disk is gone"));
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn a_body_that_is_dropped_while_it_waits_means_that_the_client_left() {
    let app = TestApp::new().local().await;
    let mut response = app.client.get("/base/waiting").dispatch().await;
    let mut first = [0; 5];
    response.read_exact(&mut first).await.expect("the first piece");
    let mut more = [0; 5];
    assert!(response.read(&mut more).now_or_never().is_none(), "it waits");
    drop(response);
    assert_cut_short(&app.spans.only(), "client_disconnected");
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn a_body_that_panics_is_an_error_and_the_server_goes_on() {
    let (server, app) = TestApp::new().launch().await;
    assert_eq!(server.get("/base/body-panics", "").await.status, 200);
    assert_cut_short(&app.spans.ended().await, "panic");
    assert_eq!(server.get("/base/plain", "").await.text(), "plain text");
    app.spans.ended_count(2).await;
    assert_eq!(app.metrics.active(), 0);
}

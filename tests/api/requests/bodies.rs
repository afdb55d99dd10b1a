//! Bodies: the span ends when they have gone out, and they go out as they were.

use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use rocket::futures::FutureExt;
use tokio::io::AsyncReadExt;

use crate::harness::{Foreign, SpanDataExt};

#[tokio::test]
async fn the_span_ends_after_the_body_and_not_before() {
    let app = Foreign::new().local().await;
    let response = app.client.get("/base/plain").dispatch().await;
    assert!(app.spans.all().is_empty(), "nobody has read the body yet");
    assert_eq!(app.metrics.active(), 1);
    assert_eq!(response.into_string().await.as_deref(), Some("plain text"));
    assert_eq!(app.spans.only().status, Status::Unset);
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn a_sized_body_keeps_its_length() {
    let (server, app) = Foreign::new().launch().await;
    let answer = server.get("/base/plain", "").await;
    assert_eq!(answer.text(), "plain text");
    assert_eq!(answer.header("Content-Length"), Some("10"));
    assert!(answer.header("Transfer-Encoding").is_none());
    assert_eq!(app.spans.ended().await.status, Status::Unset);
}

#[tokio::test]
async fn an_empty_body_keeps_its_length_of_nothing() {
    let (server, app) = Foreign::new().launch().await;
    let answer = server.get("/base/empty", "").await;
    assert_eq!((answer.status, answer.header("Content-Length")), (200, Some("0")));
    assert_eq!(app.spans.ended().await.status, Status::Unset);
}

#[tokio::test]
async fn answers_without_a_body_stay_without_one() {
    let (server, app) = Foreign::new().launch().await;
    for (path, status) in [("/base/nothing", 204), ("/base/not-modified", 304)] {
        app.spans.forget();
        let answer = server.get(path, "").await;
        assert_eq!((answer.status, answer.body.len()), (status, 0));
        assert!(answer.header("Transfer-Encoding").is_none(), "{path}");
        let span = app.spans.ended().await;
        assert_eq!(span.int("http.response.status_code"), Some(i64::from(status)));
        assert_eq!((span.status.clone(), span.value("error.type")), (Status::Unset, None));
    }
}

#[tokio::test]
async fn a_streamed_body_is_streamed() {
    let (server, app) = Foreign::new().launch().await;
    let answer = server.get("/base/streamed", "").await;
    assert_eq!(answer.text(), "one two end ");
    assert_eq!(answer.header("Transfer-Encoding"), Some("chunked"));
    assert!(answer.header("Content-Length").is_none());
    assert_eq!(app.spans.ended().await.status, Status::Unset);
}

#[tokio::test]
async fn a_body_keeps_the_size_of_its_pieces() {
    let (server, app) = Foreign::new().launch().await;
    let mut connection = server.connect().await;
    connection.send("GET /base/chunky HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let all = connection.read_until("\r\n0\r\n\r\n").await;
    let (_, body) = all.split_once("\r\n\r\n").expect("a head and a body");
    assert_eq!(body, "7\r\nxxxxxxx\r\n7\r\nxxxxxxx\r\n7\r\nxxxxxxx\r\n0\r\n\r\n");
    assert_eq!(app.spans.ended().await.status, Status::Unset);
}

/// The span of a response that could not be sent whole: its status is the one that went out.
fn assert_cut_short(span: &SpanData, error: &str) {
    assert_eq!(span.int("http.response.status_code"), Some(200));
    assert_eq!(span.text("error.type").as_deref(), Some(error));
    assert!(span.is_error() && !span.description().is_empty());
}

#[tokio::test]
async fn a_body_that_fails_half_way_is_an_error_with_its_reason() {
    let (server, app) = Foreign::new().launch().await;
    let answer = server.get("/base/failing", "").await;
    assert_eq!(answer.status, 200, "the head was gone already");
    let span = app.spans.ended().await;
    assert_cut_short(&span, "body_error");
    let event = span.event("exception").expect("an exception event");
    let told = event.attributes.iter().find(|kv| kv.key.as_str() == "exception.message");
    assert_eq!(told.expect("a message").value.to_string(), "the disk is gone");
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn a_body_that_is_dropped_while_it_waits_is_a_client_that_left() {
    let app = Foreign::new().local().await;
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
    let (server, app) = Foreign::new().launch().await;
    assert_eq!(server.get("/base/body-panics", "").await.status, 200);
    assert_cut_short(&app.spans.ended().await, "panic");
    assert_eq!(server.get("/base/plain", "").await.text(), "plain text");
    app.spans.ended_count(2).await;
    assert_eq!(app.metrics.active(), 0);
}

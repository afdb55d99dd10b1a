//! Panics: wherever they happen, the request's span tells them.

use opentelemetry_sdk::trace::SpanData;
use rocket::{catch, catchers};

use crate::harness::{Foreign, SpanDataExt, tree};

fn assert_panicked(span: &SpanData, message: &str) {
    assert_eq!(span.int("http.response.status_code"), Some(500));
    assert_eq!(span.text("error.type").as_deref(), Some("panic"));
    assert!(span.is_error());
    let event = span.event("exception").expect("an exception event");
    let told = event.attributes.iter().find(|kv| kv.key.as_str() == "exception.message");
    assert_eq!(told.expect("a message").value.to_string(), message);
}

#[tokio::test]
async fn a_panic_after_an_await_keeps_the_children_made_before() {
    let app = Foreign::new().local().await;
    assert_eq!(app.get("/base/panics").await.text(), "caught 500");
    assert_eq!(tree(&app.spans.all()), "Server GET /base/panics\n  Internal before\n");
    assert_panicked(&app.spans.named("GET /base/panics"), "no such luck");
}

#[tokio::test]
async fn a_panic_in_a_responder_or_a_guard_is_told_too() {
    let app = Foreign::new().local().await;
    app.get("/base/panics-late").await;
    assert_panicked(&app.spans.only(), "not in the responder");
    app.spans.forget();
    app.get("/base/panics-in-guard").await;
    assert_panicked(&app.spans.only(), "no message");
}

#[catch(default)]
fn panicking_catcher() -> &'static str {
    panic!("out of the frying pan");
}

#[tokio::test]
async fn a_panicking_catcher_is_told_and_answered_by_rockets_own() {
    let app = Foreign::new().catchers(catchers![panicking_catcher]).local().await;
    let answer = app.get("/base/nowhere").await;
    assert_eq!(answer.status, 500);
    let span = app.spans.only();
    assert_panicked(&span, "out of the frying pan");
    assert_eq!(span.name, "GET");
}

#[tokio::test]
async fn a_failure_without_a_panic_is_told_by_its_status() {
    let app = Foreign::new().local().await;
    assert_eq!(app.get("/base/fails").await.status, 503);
    let span = app.spans.only();
    assert_eq!(span.text("error.type").as_deref(), Some("503"));
    assert_eq!(span.description(), "", "the code explains it");
    assert!(span.event("exception").is_none());
}

#[tokio::test]
async fn the_request_after_a_panic_is_as_good_as_any() {
    let (server, app) = Foreign::new().launch().await;
    assert_eq!(server.get("/base/panics", "").await.status, 500);
    assert_eq!(server.get("/base/guarded", "").await.text(), "guarded");
    app.spans.ended_count(5).await;
    assert!(!app.spans.named("GET /base/guarded").is_error());
    assert_eq!(app.metrics.active(), 0);
}

//! Panics: wherever they happen, the request's span records them.

use opentelemetry_sdk::trace::SpanData;
use rocket::{catch, catchers};

use crate::support::{SpanDataExt, TestApp, tree};

fn assert_panicked(span: &SpanData, message: &str) {
    assert_eq!(span.int("http.response.status_code"), Some(500));
    assert_eq!(span.text("error.type"), Some("panic"));
    assert!(span.is_error());
    assert_eq!(span.exception_message().as_deref(), Some(message));
}

#[tokio::test]
async fn a_panic_after_an_await_keeps_the_children_made_before() {
    let app = TestApp::new().local().await;
    assert_eq!(app.get("/base/panics").await.text(), "caught 500");
    assert_eq!(tree(&app.spans.all()), "Server GET /base/panics\n  Internal before\n");
    assert_panicked(&app.spans.named("GET /base/panics"), "no such luck");
}

#[tokio::test]
async fn a_panic_in_a_responder_or_a_guard_is_recorded() {
    let app = TestApp::new().local().await;
    for (path, message) in
        [("/base/panics-late", "not in the responder"), ("/base/panics-in-guard", "no message")]
    {
        app.spans.forget();
        app.get(path).await;
        assert_panicked(&app.spans.only(), message);
    }
}

#[catch(default)]
fn panicking_catcher() -> &'static str {
    panic!("out of the frying pan");
}

#[tokio::test]
async fn a_panic_in_a_catcher_is_recorded_and_rockets_own_catcher_answers() {
    let app = TestApp::new().catchers(catchers![panicking_catcher]).local().await;
    let answer = app.get("/base/nowhere").await;
    assert_eq!(answer.status, 500);
    let span = app.spans.only();
    assert_panicked(&span, "out of the frying pan");
    assert_eq!(span.name, "GET");
}

#[tokio::test]
async fn a_failure_without_a_panic_has_its_status_as_the_error_type() {
    let app = TestApp::new().local().await;
    assert_eq!(app.get("/base/fails").await.status, 503);
    let span = app.spans.only();
    assert_eq!(span.text("error.type"), Some("503"));
    assert_eq!(span.description(), "", "the code explains it");
    assert_eq!(span.exception_message(), None);
}

#[tokio::test]
async fn a_panic_does_not_affect_the_next_request() {
    let (server, app) = TestApp::new().launch().await;
    assert_eq!(server.get("/base/panics", "").await.status, 500);
    assert_eq!(server.get("/base/guarded", "").await.text(), "guarded");
    app.spans.ended_count(5).await;
    assert!(!app.spans.named("GET /base/guarded").is_error());
    assert_eq!(app.metrics.active(), 0);
}

//! Names, methods and routes.

use opentelemetry::trace::Status;
use rocket::http::{ContentType, Method};
use rocket_opentelemetry::KnownMethods;

use crate::support::{SpanDataExt, TestApp, answer, eventually};

#[tokio::test]
async fn a_span_is_named_by_method_and_template_and_never_by_the_path() {
    let app = TestApp::new().local().await;
    let answer = app.get("/base/user/7/posts/2026/11/first.html?page=3").await;
    assert_eq!(answer.text(), "7 2026/11/first.html Some(3)");
    let span = app.spans.only();
    assert_eq!(span.name, "GET /base/user/<id>/posts/<post..>");
    assert_eq!(span.text("http.route"), Some("/base/user/<id>/posts/<post..>"));
    assert_eq!(span.text("url.path"), Some("/base/user/7/posts/2026/11/first.html"));
    assert_eq!(span.text("url.query"), Some("page=3"));
}

#[tokio::test]
async fn a_forwarded_request_is_named_by_the_route_that_answers() {
    let app = TestApp::new().local().await;
    for (path, text, name) in [
        ("/base/either/7", "a number", "GET /base/either/<_number>"),
        ("/base/either/seven", "a word", "GET /base/either/<_word>"),
    ] {
        app.spans.forget();
        assert_eq!(app.get(path).await.text(), text);
        assert_eq!(app.spans.only().name, name);
    }
}

#[tokio::test]
async fn a_request_that_every_route_forwards_has_no_route() {
    let app = TestApp::new().local().await;
    assert_eq!(app.get("/base/forwards").await.status, 404);
    let server = app.spans.named("GET");
    assert!(server.value("http.route").is_none());
    assert!(app.spans.named("never").is_child_of(&server), "the guard ran inside it");
}

#[tokio::test]
async fn a_wrapped_route_keeps_its_name_on_4xx_and_an_unwrapped_one_does_not() {
    let app = TestApp::new().local().await;
    assert_eq!(app.get("/base/closed").await.status, 401);
    let span = app.spans.only();
    assert_eq!(span.text("http.route"), Some("/base/closed"));
    assert_eq!((&span.status, span.value("error.type")), (&Status::Unset, None));

    assert_eq!(app.get("/bare/7/missing").await.status, 404);
    assert!(app.spans.named("GET").value("http.route").is_none());
}

#[tokio::test]
async fn every_known_method_has_its_own_name() {
    let app = TestApp::new().local().await;
    let methods = [Method::Delete, Method::Patch, Method::Options, Method::Trace, Method::Put];
    for method in methods {
        app.spans.forget();
        answer(app.client.req(method, "/base/plain")).await;
        let span = app.spans.all().pop().expect("a span");
        assert_eq!(span.text("http.request.method"), Some(method.as_str()));
        assert!(span.name.starts_with(method.as_str()), "{}", span.name);
        assert!(span.value("http.request.method_original").is_none());
    }
}

#[tokio::test]
async fn head_on_a_get_route_is_head() {
    let (server, app) = TestApp::new().launch().await;
    let answer = server.request("HEAD", "/base/plain", "").await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.header("Content-Length"), Some("10"), "of the body that GET would have");
    let span = app.spans.ended().await;
    assert_eq!(span.name, "HEAD /base/plain");
    assert_eq!(span.text("http.request.method"), Some("HEAD"));
    assert_eq!(span.text("http.route"), Some("/base/plain"));
    assert_eq!(span.status, Status::Unset);
    assert!(answer.header("traceresponse").is_some());

    // The next GET is GET again.
    server.get("/base/plain", "").await;
    app.spans.ended_count(2).await;
    app.spans.named("GET /base/plain");
}

#[tokio::test]
async fn head_on_a_streamed_or_unknown_path_is_no_error() {
    let (server, app) = TestApp::new().launch().await;
    for (target, name) in [
        ("/base/streamed", "HEAD /base/streamed"),
        ("/base/endless", "HEAD /base/endless"),
        ("/bare/1/item", "HEAD /bare/<_id>/item"),
    ] {
        app.spans.forget();
        assert_eq!(server.request("HEAD", target, "").await.text(), "");
        eventually(name, || app.spans.names().contains(&name.to_owned())).await;
        assert_eq!(app.spans.named(name).status, Status::Unset, "{target}");
    }
    assert_eq!(server.request("HEAD", "/base/nowhere", "").await.status, 404);
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn a_form_can_override_its_method() {
    let app = TestApp::new().local().await;
    let form = app.client.post("/base/form").header(ContentType::Form);
    assert_eq!(answer(form.body("_method=put&a=b")).await.text(), "put");
    let span = app.spans.only();
    assert_eq!(span.name, "PUT /base/form");
    assert_eq!(span.text("http.request.method"), Some("PUT"));
}

#[tokio::test]
async fn a_method_that_is_not_listed_as_known_is_other_with_its_original() {
    let known = KnownMethods::parse("GET,HEAD");
    let app = TestApp::new().tracing(|t| t.with_known_methods(known)).local().await;
    let form = app.client.post("/base/form").header(ContentType::Form);
    assert_eq!(answer(form.body("a=b")).await.text(), "posted");
    let span = app.spans.only();
    assert_eq!(span.name, "HTTP /base/form");
    assert_eq!(span.text("http.request.method"), Some("_OTHER"));
    assert_eq!(span.text("http.request.method_original"), Some("POST"));
    let point = app.metrics.point("http.server.request.duration");
    assert_eq!(point.label("http.request.method"), Some("_OTHER"));
    assert!(point.label("http.request.method_original").is_none());
}

#[tokio::test]
async fn one_path_with_several_methods_has_a_name_for_each() {
    let routes = rocket::routes![anything_get, anything_post];
    let app = TestApp::new().routes(routes).local().await;
    for method in [Method::Get, Method::Head, Method::Get, Method::Post] {
        answer(app.client.req(method, "/base/anything")).await;
    }
    let expected =
        ["GET /base/anything", "HEAD /base/anything", "GET /base/anything", "POST /base/anything"];
    assert_eq!(app.spans.names(), expected);
}

#[rocket::get("/anything")]
fn anything_get() {}

#[rocket::post("/anything")]
fn anything_post() {}

//! Requests that Rocket cannot read: no fairing sees them, the catcher of 400 traces them.

use opentelemetry::trace::{SpanKind, Status};

use crate::support::{PARENT_ID, SpanDataExt, TRACE_ID, TRACEPARENT, TestApp};

#[tokio::test]
async fn an_unknown_method_is_other_with_status_400() {
    let (server, app) = TestApp::new().launch().await;
    let answer = server.request("BREW", "/base/plain?a=1", "User-Agent: pot\r\n").await;
    assert_eq!((answer.status, answer.text()), (400, "caught 400"));
    let span = app.spans.ended().await;
    assert_eq!((span.name.as_ref(), &span.span_kind), ("HTTP", &SpanKind::Server));
    assert_eq!(span.text("http.request.method"), Some("_OTHER"));
    assert_eq!(span.int("http.response.status_code"), Some(400));
    assert_eq!(span.text("user_agent.original"), Some("pot"));
    assert!(span.value("http.route").is_none() && span.value("error.type").is_none());
    assert_eq!(span.status, Status::Unset);
}

#[tokio::test]
async fn an_unreadable_request_continues_its_trace_and_the_answer_names_it() {
    let (server, app) = TestApp::new().launch().await;
    for (method, target) in [("PROPFIND", "/"), ("CONNECT", "localhost:80")] {
        let headers = format!("traceparent: {TRACEPARENT}\r\ntracestate: a=1\r\n");
        let answer = server.request(method, target, &headers).await;
        let span = app.spans.ended().await;
        assert_eq!(span.span_context.trace_id().to_string(), TRACE_ID);
        assert_eq!(span.parent_span_id.to_string(), PARENT_ID);
        assert_eq!(span.span_context.trace_state().header(), "a=1");
        let own = span.span_context.span_id().to_string();
        assert_eq!(answer.trace(), [TRACE_ID, &own, "01"], "{method}");
        app.spans.forget();
    }
}

#[tokio::test]
async fn an_unreadable_request_follows_the_sampling_decision_of_its_parent() {
    let (server, app) = TestApp::new().launch().await;
    let headers = format!("traceparent: 00-{TRACE_ID}-{PARENT_ID}-00\r\n");
    let answer = server.request("PROPFIND", "/", &headers).await;
    assert_eq!([answer.trace()[0], answer.trace()[2]], [TRACE_ID, "00"]);
    assert!(app.spans.all().is_empty());
}

#[tokio::test]
async fn any_number_of_unknown_methods_is_one_series() {
    let (server, app) = TestApp::new().launch().await;
    for number in 0..20 {
        let answer = server.request(&format!("M{number}"), &format!("/x{number}"), "").await;
        assert_eq!(answer.status, 400);
    }
    app.spans.ended_count(20).await;
    let point = app.metrics.point("http.server.request.duration");
    assert_eq!((point.count, point.label("http.request.method")), (20, Some("_OTHER")));
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn a_target_that_is_no_path_is_400() {
    let (server, app) = TestApp::new().launch().await;
    let answer = server.request("CONNECT", "localhost:80", "").await;
    assert_eq!((answer.status, answer.text()), (400, "caught 400"));
    let span = app.spans.ended().await;
    assert_eq!((span.name.as_ref(), span.int("http.response.status_code")), ("HTTP", Some(400)));
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn the_asterisk_of_options_is_a_path_without_a_route() {
    let (server, app) = TestApp::new().launch().await;
    assert_eq!(server.request("OPTIONS", "*", "").await.status, 404);
    let span = app.spans.ended_count(2).await.pop().expect("the request's, after the catcher's");
    assert_eq!((span.name.as_ref(), span.value("http.route")), ("OPTIONS", None));
}

#[tokio::test]
async fn an_absolute_target_is_read_as_its_path() {
    let (server, app) = TestApp::new().launch().await;
    let answer = server.get("http://example.org/base/plain?a=1", "").await;
    assert_eq!(answer.status, 200);
    let span = app.spans.ended().await;
    assert_eq!(span.name, "GET /base/plain");
    assert_eq!(span.text("url.path"), Some("/base/plain"));
}

#[tokio::test]
async fn a_400_of_a_readable_request_has_one_span() {
    let (server, app) = TestApp::new().routes(rocket::routes![refuses]).launch().await;
    let answer = server.get("/base/refuses", "").await;
    assert_eq!((answer.status, answer.text()), (400, "caught 400"));
    assert!(answer.header("traceresponse").is_some());
    assert_eq!(app.spans.ended().await.name, "GET /base/refuses");
}

#[rocket::get("/refuses")]
fn refuses() -> rocket::http::Status {
    rocket::http::Status::BadRequest
}

#[tokio::test]
async fn the_answer_to_an_unreadable_request_keeps_the_connection_open() {
    let (server, app) = TestApp::new().launch().await;
    let mut client = server.connect().await;
    client
        .send("BREW / HTTP/1.1\r\nHost: x\r\n\r\nGET /base/plain HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    let all = client.read_until("plain text").await;
    assert!(all.contains("caught 400"), "{all}");
    app.spans.ended_count(2).await;
}

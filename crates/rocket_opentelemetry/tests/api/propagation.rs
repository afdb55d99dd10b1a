//! The context of a caller: continued where it is valid. The rules of what is valid are tested in
//! `opentelemetry-http-semconv`; these are for what Rocket and the SDK add.

use opentelemetry::SpanId;
use opentelemetry::trace::noop::NoopTracer;
use opentelemetry::trace::{TraceContextExt, Tracer};
use rocket::fairing::AdHoc;
use rocket::fs::FileServer;
use rocket::{Build, Rocket, get, routes};
use rocket_opentelemetry::{RequestContext, RequestTracing, traced};

use crate::support::{LocalApp, PARENT_ID, SpanDataExt, Spans, TRACE_ID, TRACEPARENT, TestApp};

#[tokio::test]
async fn a_valid_parent_is_continued() {
    let app = TestApp::new().local().await;
    let answer = app.get_with("/base/guarded", &[("traceparent", TRACEPARENT)]).await;
    let span = app.spans.named("GET /base/guarded");
    assert_eq!(span.trace_id().to_string(), TRACE_ID);
    assert_eq!(span.parent_span_id.to_string(), PARENT_ID);
    assert!(span.parent_span_is_remote);
    assert_eq!(answer.trace(), [TRACE_ID, &span.id().to_string(), "01"]);
    assert!(app.spans.named("handler").is_child_of(&span), "the handler's span is below it");
}

#[tokio::test]
async fn without_a_parent_every_request_starts_a_trace() {
    let app = TestApp::new().local().await;
    app.get("/base/plain").await;
    app.get("/base/plain").await;
    let [one, two] = app.spans.all().try_into().expect("two spans");
    assert_ne!(one.trace_id(), two.trace_id());
    for span in [one, two] {
        assert_eq!(span.parent_span_id, SpanId::INVALID);
        assert!(!span.parent_span_is_remote);
    }
}

#[tokio::test]
async fn an_invalid_or_repeated_parent_starts_a_trace() {
    let app = TestApp::new().local().await;
    for headers in [
        vec![("traceparent", "00-1-1-01"), ("tracestate", "a=1")],
        vec![("traceparent", "00–0af7651916cd43dd8448eb211c80319c–b7ad6b7169203331–01")],
        vec![("traceparent", TRACEPARENT), ("Traceparent", TRACEPARENT)],
        vec![("traceparent", TRACEPARENT), ("Traceparent", "")],
    ] {
        app.spans.forget();
        assert_eq!(app.get_with("/base/plain", &headers).await.status, 200, "{headers:?}");
        let span = app.spans.only();
        assert_ne!(span.trace_id().to_string(), TRACE_ID, "{headers:?}");
        assert_eq!(span.parent_span_id, SpanId::INVALID, "{headers:?}");
        assert_eq!(span.span_context.trace_state().header(), "", "{headers:?}");
    }
}

#[tokio::test]
async fn several_tracestate_headers_are_one_list() {
    let app = TestApp::new().local().await;
    let states = ["a=1", "b=2,c=3", "d=4"].map(|state| ("tracestate", state));
    let headers = [&[("traceparent", TRACEPARENT)][..], &states].concat();
    app.get_with("/base/plain", &headers).await;
    let span = app.spans.only();
    assert_eq!(span.span_context.trace_state().header(), "a=1,b=2,c=3,d=4");
}

#[tokio::test]
async fn the_name_of_the_header_has_any_case_and_white_space_surrounds_its_value() {
    let (server, app) = TestApp::new().launch().await;
    for line in [
        format!("TRACEPARENT: {TRACEPARENT}\r\n"),
        format!("TraceParent:\t {TRACEPARENT} \t\r\n"),
        format!("traceparent:{TRACEPARENT}\r\n"),
    ] {
        app.spans.forget();
        server.get("/base/plain", &line).await;
        assert_eq!(app.spans.ended().await.trace_id().to_string(), TRACE_ID, "{line:?}");
    }
}

#[tokio::test]
async fn a_parent_that_is_not_sampled_is_propagated_but_not_recorded() {
    let app = TestApp::new().local().await;
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-00");
    let answer = app.get_with("/base/guarded", &[("traceparent", &parent)]).await;
    let [trace, span, flags] = answer.trace();
    assert_eq!((trace, flags), (TRACE_ID, "00"));
    assert_ne!(span, PARENT_ID);
    assert!(app.spans.all().is_empty(), "neither the request's span nor the handler's");
    assert_eq!(app.metrics.point("http.server.request.duration").count, 1, "but it is measured");
}

#[tokio::test]
async fn only_the_sampled_flag_decides_whether_a_span_records() {
    let app = TestApp::new().local().await;
    for (flags, recorded) in [("ff", 1), ("03", 1), ("fe", 0), ("02", 0)] {
        app.spans.forget();
        let parent = format!("00-{TRACE_ID}-{PARENT_ID}-{flags}");
        app.get_with("/base/plain", &[("traceparent", &parent)]).await;
        assert_eq!(app.spans.all().len(), recorded, "{flags}");
    }
}

#[tokio::test]
async fn a_context_that_is_current_on_the_thread_is_not_a_parent() {
    let (app, other) = (TestApp::new().local().await, Spans::default());
    let (_provider, tracer) = other.tracer();
    let cx = opentelemetry::Context::current_with_span(tracer.start("of another request"));
    let attached = cx.attach();
    app.get("/base/plain").await;
    drop(attached);
    assert_eq!(app.spans.only().parent_span_id, SpanId::INVALID);
}

/// Asserts that the context of a caller reaches the application's own spans, and the request has
/// none.
async fn assert_only_propagates(app: &LocalApp) {
    let answer = app.get_with("/base/guarded", &[("traceparent", TRACEPARENT)]).await;
    assert_eq!((answer.text(), answer.header("traceresponse")), ("guarded", None));
    assert_eq!(app.spans.names(), ["guard", "handler"], "the application's own spans");
    let parents = app.spans.all().into_iter().map(|span| span.parent_span_id.to_string());
    assert!(parents.eq([PARENT_ID, PARENT_ID]), "are below the caller's");
    assert_eq!(app.get("/base/plain").await.header("traceresponse"), None, "no zeros either");
}

#[tokio::test]
async fn propagate_only_makes_no_spans_and_no_metrics() {
    let app = TestApp::new().tracing(RequestTracing::propagate_only).local().await;
    assert_only_propagates(&app).await;
    assert!(app.metrics.points("http.server.request.duration").is_empty());
}

#[tokio::test]
async fn without_a_provider_the_context_is_propagated_and_no_response_names_a_trace() {
    let app = TestApp::new().tracing(|t| t.with_tracer(NoopTracer::new())).local().await;
    assert_only_propagates(&app).await;
}

#[get("/span-id")]
fn span_id(context: RequestContext) -> String {
    context.0.span().span_context().span_id().to_string()
}

#[tokio::test]
async fn a_request_guard_gives_the_context_also_where_a_route_is_not_wrapped() {
    let asks_first = AdHoc::on_request("asks first", |request, _| {
        Box::pin(async move { drop(RequestContext::of(request)) })
    });
    let mount = |rocket: Rocket<Build>| rocket.mount("/bare", routes![span_id]);
    let app = TestApp::new().rocket(|r| r.attach(asks_first)).rocket(mount).local().await;
    let answer = app.get("/bare/span-id").await;
    assert_eq!(answer.text(), app.spans.only().id().to_string());

    let app = TestApp::new().tracing(RequestTracing::propagate_only).rocket(mount).local().await;
    let answer = app.get_with("/bare/span-id", &[("traceparent", TRACEPARENT)]).await;
    assert_eq!(answer.text(), PARENT_ID);
}

#[tokio::test]
async fn a_file_server_is_traced_like_any_route() {
    let files = traced(FileServer::from("tests"));
    let app = TestApp::new().rocket(|rocket| rocket.mount("/files", files)).local().await;
    assert_eq!(app.get("/files/api/main.rs").await.status, 200);
    assert_eq!(app.get("/files/missing").await.status, 404);
    assert_eq!(app.spans.names()[0], "GET /files/<path..>");
}

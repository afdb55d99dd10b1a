//! `traceparent`: continued where it is valid, and as if it were not there where it is not.

use opentelemetry::SpanId;
use rocket_opentelemetry::RequestTracing;

use crate::harness::{Foreign, PARENT_ID, SpanDataExt, TRACE_ID, TRACEPARENT};

#[tokio::test]
async fn a_valid_parent_is_continued() {
    let app = Foreign::new().local().await;
    let answer = app.get_with("/base/guarded", &[("traceparent", TRACEPARENT)]).await;
    let span = app.spans.named("GET /base/guarded");
    assert_eq!(span.trace_id().to_string(), TRACE_ID);
    assert_eq!(span.parent_span_id.to_string(), PARENT_ID);
    assert!(span.parent_span_is_remote);
    assert_eq!(answer.trace(), [TRACE_ID.to_owned(), span.id().to_string(), "01".to_owned()]);
    assert!(app.spans.named("handler").is_child_of(&span), "and the handler's span is below it");
}

#[tokio::test]
async fn without_a_parent_every_request_is_a_root_of_its_own() {
    let app = Foreign::new().local().await;
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
async fn a_malformed_parent_starts_a_trace_anew() {
    let malformed = [
        "",
        "-",
        "garbage",
        // Short and long fields.
        "00-1-1-01",
        "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319c0-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033310-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-010",
        // Missing fields.
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-",
        // Upper case, and what is no hex digit.
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1",
        // Ids of nothing but zeros.
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        // The version that is forbidden, and more than version 00 holds.
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "FF-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01what",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01what",
        // Dashes of another kind or in another place.
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
        "00 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 01",
        "00–0af7651916cd43dd8448eb211c80319c–b7ad6b7169203331–01",
        // Two in one.
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ];
    let app = Foreign::new().local().await;
    for traceparent in malformed {
        app.spans.forget();
        let headers = [("traceparent", traceparent), ("tracestate", "a=1")];
        let answer = app.get_with("/base/plain", &headers).await;
        assert_eq!(answer.status, 200, "{traceparent:?}");
        let span = app.spans.only();
        assert_ne!(span.trace_id().to_string(), TRACE_ID, "{traceparent:?}");
        assert_eq!(span.parent_span_id, SpanId::INVALID, "{traceparent:?}");
        assert_eq!(span.span_context.trace_state().header(), "", "{traceparent:?}");
    }
}

#[tokio::test]
async fn several_parents_are_none() {
    let app = Foreign::new().local().await;
    for second in [TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", ""] {
        app.spans.forget();
        let headers = [("traceparent", TRACEPARENT), ("Traceparent", second)];
        app.get_with("/base/plain", &headers).await;
        let span = app.spans.only();
        assert_ne!(span.trace_id().to_string(), TRACE_ID, "{second:?}");
        assert_eq!(span.parent_span_id, SpanId::INVALID, "{second:?}");
    }
}

#[tokio::test]
async fn a_parent_of_a_later_version_is_read_as_far_as_it_is_known() {
    let app = Foreign::new().local().await;
    for later in [
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-will-be-like",
        "fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-.",
    ] {
        app.spans.forget();
        let answer = app.get_with("/base/plain", &[("traceparent", later)]).await;
        let span = app.spans.only();
        assert_eq!(span.trace_id().to_string(), TRACE_ID, "{later}");
        assert_eq!(span.parent_span_id.to_string(), PARENT_ID, "{later}");
        assert_eq!(answer.trace()[0], TRACE_ID, "and the answer is of version 00");
    }
}

#[tokio::test]
async fn the_name_is_read_in_any_case_and_white_space_around_the_value_is_none() {
    let (server, app) = Foreign::new().launch().await;
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
async fn a_parent_that_is_not_sampled_is_handed_on_but_not_recorded() {
    let app = Foreign::new().local().await;
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-00");
    let answer = app.get_with("/base/guarded", &[("traceparent", &parent)]).await;
    let [trace, span, flags] = answer.trace();
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE_ID, "00"));
    assert_ne!(span, PARENT_ID);
    assert!(app.spans.all().is_empty(), "neither the request's span nor the handler's");
    assert_eq!(app.metrics.point("http.server.request.duration").count, 1, "but it is measured");
}

#[tokio::test]
async fn only_the_sampled_flag_says_whether_to_record() {
    let app = Foreign::new().local().await;
    for (flags, recorded) in [("ff", 1), ("03", 1), ("fe", 0), ("02", 0)] {
        app.spans.forget();
        let parent = format!("00-{TRACE_ID}-{PARENT_ID}-{flags}");
        app.get_with("/base/plain", &[("traceparent", &parent)]).await;
        assert_eq!(app.spans.all().len(), recorded, "{flags}");
    }
}

#[tokio::test]
async fn a_context_of_the_thread_is_no_parent() {
    use opentelemetry::trace::{TraceContextExt, Tracer};
    let (app, other) = (Foreign::new().local().await, crate::harness::Spans::default());
    let (_provider, tracer) = other.tracer();
    let cx = opentelemetry::Context::current_with_span(tracer.start("not of this request"));
    let attached = cx.attach();
    app.get("/base/plain").await;
    drop(attached);
    assert_eq!(app.spans.only().parent_span_id, SpanId::INVALID);
}

#[tokio::test]
async fn propagate_only_makes_no_spans_and_no_metrics() {
    let app = Foreign::new().tracing(RequestTracing::propagate_only).local().await;
    let answer = app.get_with("/base/guarded", &[("traceparent", TRACEPARENT)]).await;
    assert_eq!((answer.text(), answer.header("traceresponse")), ("guarded", None));
    let spans = app.spans.all();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["guard", "handler"], "what the application makes itself");
    let parents = spans.iter().map(|span| span.parent_span_id.to_string());
    assert!(parents.eq([PARENT_ID, PARENT_ID]), "is below the caller's span");
    assert!(app.metrics.points("http.server.request.duration").is_empty());
}

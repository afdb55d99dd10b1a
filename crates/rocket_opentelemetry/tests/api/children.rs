//! Spans that guards, handlers and catchers start are children of their request's span.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use rocket::futures::future::join_all;

use crate::support::{SpanDataExt, TestApp, tree};

#[tokio::test]
async fn spans_of_guards_and_handlers_are_children_of_the_request() {
    let app = TestApp::new().local().await;
    assert_eq!(app.get("/base/guarded").await.text(), "guarded");
    let expected = "Server GET /base/guarded\n  Internal guard\n  Internal handler\n";
    assert_eq!(tree(&app.spans.all()), expected);
    let server = app.spans.named("GET /base/guarded");
    assert!(app.spans.named("guard").is_child_of(&server));
    assert!(app.spans.named("handler").is_child_of(&server));
}

#[tokio::test]
async fn spans_of_a_streamed_body_are_children_of_the_request() {
    let app = TestApp::new().local().await;
    for path in ["/base/spans-in-text", "/base/spans-in-events"] {
        app.spans.forget();
        assert_eq!(app.get(path).await.status, 200);
        assert_eq!(tree(&app.spans.all()), format!("Server GET {path}\n  Internal in the body\n"));
        assert!(!Context::current().has_active_span(), "{path}");
    }
}

#[tokio::test]
async fn a_spawned_task_with_the_context_makes_children_too() {
    let app = TestApp::new().local().await;
    app.get("/base/spawned").await;
    assert_eq!(tree(&app.spans.all()), "Server GET /base/spawned\n  Internal elsewhere\n");
}

#[tokio::test]
async fn spans_of_catchers_are_children_of_the_request() {
    let app = TestApp::new().local().await;
    assert_eq!(app.get("/base/nowhere").await.text(), "nothing here");
    assert_eq!(tree(&app.spans.all()), "Server GET\n  Internal catcher\n");
}

#[tokio::test]
async fn a_handler_mounted_without_traced_makes_roots_but_the_request_has_its_route() {
    let app = TestApp::new().local().await;
    assert_eq!(app.get("/bare/7/item").await.status, 200);
    assert_eq!(tree(&app.spans.all()), "Server GET /bare/<_id>/item\nInternal bare handler\n");
    let server = app.spans.named("GET /bare/<_id>/item");
    assert_eq!(server.text("http.route"), Some("/bare/<_id>/item"));
}

#[tokio::test]
async fn no_context_stays_current_on_the_thread() {
    let app = TestApp::new().local().await;
    for path in ["/base/guarded", "/base/panics", "/base/nowhere", "/base/panics-in-guard"] {
        app.get(path).await;
        assert!(!Context::current().has_active_span(), "{path}");
    }
}

/// Contexts follow their requests across awaits, while the runtime moves hundreds of them between
/// its threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_span_of_200_concurrent_requests_has_the_right_parent() {
    const REQUESTS: usize = 200;
    let (server, app) = TestApp::new().launch().await;
    let server = std::sync::Arc::new(server);
    let get = |number: usize| {
        let server = server.clone();
        tokio::spawn(async move { server.get(&format!("/base/deep/{number}"), "").await })
    };
    for (number, answer) in join_all((0..REQUESTS).map(get)).await.into_iter().enumerate() {
        assert_eq!(answer.expect("no panic").text(), number.to_string());
    }

    let spans = app.spans.ended_count(4 * REQUESTS).await;
    assert_eq!(spans.len(), 4 * REQUESTS);
    let by_id: HashMap<_, _> = spans.iter().map(|span| (span.id(), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "span ids are unique");
    for (name, parent_name) in
        [("outer", "GET /base/deep/<number>"), ("middle", "outer"), ("inner", "middle")]
    {
        let of_name: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(of_name.len(), REQUESTS);
        for span in of_name {
            let parent = by_id[&span.parent_span_id];
            assert_eq!(parent.name, parent_name);
            assert!(span.is_child_of(parent) && parent.end_time >= span.end_time);
            if let (Some(own), Some(of_parent)) = (span.int("number"), parent.int("number")) {
                assert_eq!(own, of_parent, "{name} is in another request's trace");
            }
        }
    }
    for server in spans.iter().filter(|span| span.name.starts_with("GET")) {
        let path = server.text("url.path").expect("a path");
        let number = server.int("number").expect("set by the handler");
        assert_eq!(path, format!("/base/deep/{number}"));
    }
    assert_eq!(app.metrics.active(), 0);
}

//! 404, 422, 500 and a panic, in the form that the client asked for.

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::{SdkTracer, SpanData};
use rocket::{State, get, routes};
use rocket_opentelemetry::traced;

use crate::harness::{Answer, Demo, SpanDataExt, tree};

#[get("/panics")]
async fn panics(tracer: &State<SdkTracer>) {
    use opentelemetry::trace::{Span, Tracer};
    let mut span = tracer.start("before");
    tokio::task::yield_now().await;
    span.end();
    panic!("a secret of the house");
}

#[get("/number/<_number>")]
fn number(_number: u8) {}

/// The demo with routes that go wrong.
fn demo() -> Demo {
    let mut demo = Demo::new();
    let tracer = demo.observed.telemetry.tracer(opentelemetry::InstrumentationScope::default());
    demo.rocket = demo.rocket.manage(tracer).mount("/test", traced(routes![panics, number]));
    demo
}

fn assert_is_json_error(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status);
    assert!(answer.is_json());
    assert_eq!(answer.header("Vary"), Some("Accept"));
    let json = answer.json();
    assert!(json["error"].as_str().is_some_and(|error| !error.is_empty()), "{json}");
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(1));
}

fn assert_is_html_error(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status);
    assert!(answer.is_html());
    assert_eq!(answer.header("Vary"), Some("Accept"));
    let [trace, ..] = answer.trace();
    assert!(answer.text().contains(&trace), "the page names its trace");
    assert!(answer.text().contains(&status.to_string()));
}

#[tokio::test]
async fn an_unknown_path_is_404_with_a_span_without_a_route() {
    let demo = demo().local().await;
    assert_is_json_error(&demo.get("/nowhere/1234").await, 404);
    let span = demo.spans.only();
    assert_eq!((span.name.as_ref(), &span.span_kind), ("GET", &SpanKind::Server));
    assert_eq!(span.text("url.path").as_deref(), Some("/nowhere/1234"));
    assert_eq!(span.int("http.response.status_code"), Some(404));
    assert_eq!(span.status, Status::Unset, "a client's mistake is no error of the server");
    assert!(span.value("http.route").is_none() && span.value("error.type").is_none());

    assert_is_html_error(&demo.browse("/nowhere/1234").await, 404);
}

#[tokio::test]
async fn a_parameter_that_will_not_do_is_422() {
    let demo = demo().local().await;
    assert_is_json_error(&demo.get("/test/number/ten").await, 422);
    assert_eq!(demo.spans.only().status, Status::Unset);
    assert_is_html_error(&demo.browse("/test/number/ten").await, 422);
}

#[tokio::test]
async fn absurd_hops_are_422_with_the_good_ones_named() {
    let demo = Demo::new().local().await;
    for hops in ["6", "-1", "99999999999999999999999", "1e3", "%00", "two", ""] {
        let answer = demo.get(&format!("/api/chain?hops={hops}")).await;
        let expected = r#"{"error":"hops takes a whole number from 0 to 5"}"#;
        assert_eq!((answer.status, answer.text()), (422, expected), "{hops}");
    }
    assert!(demo.spans.all().iter().all(|span| span.name == "GET /api/chain"));
}

fn assert_tells_of_the_panic(span: &SpanData) {
    assert_eq!(span.name, "GET /test/panics");
    assert_eq!(span.int("http.response.status_code"), Some(500));
    assert_eq!(span.text("error.type").as_deref(), Some("panic"));
    assert!(span.is_error());
    let event = span.event("exception").expect("an exception event");
    let message = event.attributes.iter().find(|kv| kv.key.as_str() == "exception.message");
    assert_eq!(message.unwrap().value.to_string(), "a secret of the house");
}

#[tokio::test]
async fn a_panicking_handler_is_500_and_its_span_tells_the_panic() {
    let demo = demo().local().await;
    let answer = demo.get("/test/panics").await;
    assert_is_json_error(&answer, 500);
    assert!(!answer.text().contains("secret"), "the client learns less than the trace");
    assert_eq!(tree(&demo.spans.all()), "Server GET /test/panics\n  Internal before\n");
    let span = demo.spans.named("GET /test/panics");
    assert_tells_of_the_panic(&span);
    assert!(demo.spans.named("before").is_child_of(&span));
    assert_eq!(answer.trace()[1], span.id().to_string());
}

#[tokio::test]
async fn a_browser_learns_of_a_panic_no_more_than_the_trace_id() {
    let demo = demo().local().await;
    let answer = demo.browse("/test/panics").await;
    assert_is_html_error(&answer, 500);
    assert!(!answer.text().contains("secret"));
    assert_tells_of_the_panic(&demo.spans.named("GET /test/panics"));
}

#[tokio::test]
async fn the_error_page_shows_the_path_as_text() {
    let demo = Demo::new().local().await;
    let page = demo.browse("/%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert_eq!(page.status, 404);
    assert!(!page.text().contains("<script>alert"), "{}", page.text());
}

#[tokio::test]
async fn after_a_panic_the_next_request_is_answered() {
    let demo = demo().local().await;
    demo.get("/test/panics").await;
    assert_eq!(demo.get("/health").await.status, 200);
    assert_eq!(demo.spans.named("GET /health").status, Status::Unset);
}

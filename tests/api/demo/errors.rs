//! 404, 422, 500 and a panic, in the form that the client prefers.

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer};
use opentelemetry_sdk::trace::{SdkTracer, SpanData};
use rocket::{State, get, routes};
use rocket_opentelemetry::traced;
use rocket_otel_demo::app::Settings;

use crate::support::{Answer, Demo, SpanDataExt, tree};

#[get("/panics")]
async fn panics(tracer: &State<SdkTracer>) {
    let mut span = tracer.start("before");
    tokio::task::yield_now().await;
    span.end();
    panic!("a secret of the house");
}

#[get("/number/<_number>")]
fn number(_number: u8) {}

/// The demo with routes that fail.
async fn demo() -> Demo {
    Demo::extended(&[], Settings::default(), |rocket, telemetry| {
        let tracer = telemetry.tracer(InstrumentationScope::default());
        rocket.manage(tracer).mount("/test", traced(routes![panics, number]))
    })
    .await
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
    let demo = Demo::start().await;
    assert_is_json_error(&demo.get("/nowhere/1234").await, 404);
    let span = demo.spans.only();
    assert_eq!((span.name.as_ref(), &span.span_kind), ("GET", &SpanKind::Server));
    assert_eq!(span.status, Status::Unset, "a client's mistake is no error of the server");
    assert!(span.value("http.route").is_none() && span.value("error.type").is_none());

    assert_is_html_error(&demo.browse("/nowhere/1234").await, 404);
}

#[tokio::test]
async fn an_invalid_parameter_is_422() {
    let demo = demo().await;
    assert_is_json_error(&demo.get("/test/number/ten").await, 422);
    assert_eq!(demo.spans.only().status, Status::Unset);
    assert_is_html_error(&demo.browse("/test/number/ten").await, 422);
}

fn assert_records_the_panic(span: &SpanData) {
    assert_eq!(span.name, "GET /test/panics");
    assert_eq!(span.int("http.response.status_code"), Some(500));
    assert_eq!(span.text("error.type").as_deref(), Some("panic"));
    assert!(span.is_error());
    let event = span.event("exception").expect("an exception event");
    let message = event.attributes.iter().find(|kv| kv.key.as_str() == "exception.message");
    assert_eq!(message.unwrap().value.to_string(), "a secret of the house");
}

#[tokio::test]
async fn a_panicking_handler_is_500_and_its_span_has_the_message() {
    let demo = demo().await;
    let answer = demo.get("/test/panics").await;
    assert_is_json_error(&answer, 500);
    assert!(!answer.text().contains("secret"), "the client learns less than the trace");
    assert_eq!(tree(&demo.spans.all()), "Server GET /test/panics\n  Internal before\n");
    let span = demo.spans.named("GET /test/panics");
    assert_records_the_panic(&span);
    assert_eq!(answer.trace()[1], span.id().to_string());

    assert_eq!(demo.get("/health").await.status, 200);
    assert_eq!(demo.spans.named("GET /health").status, Status::Unset);
}

#[tokio::test]
async fn the_page_of_a_panic_has_the_trace_id_and_not_the_message() {
    let demo = demo().await;
    let answer = demo.browse("/test/panics").await;
    assert_is_html_error(&answer, 500);
    assert!(!answer.text().contains("secret"));
    assert_records_the_panic(&demo.spans.named("GET /test/panics"));
}

#[tokio::test]
async fn the_error_page_shows_the_path_as_text() {
    let demo = Demo::start().await;
    let page = demo.browse("/%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert_eq!(page.status, 404);
    assert!(!page.text().contains("<script>alert"), "{}", page.text());
}

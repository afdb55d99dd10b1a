//! 404, 422, 500 and a panic, in the form that the client prefers.

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{Span, SpanKind, Tracer};
use opentelemetry_sdk::trace::SdkTracer;
use rocket::{State, get, routes};
use rocket_opentelemetry::traced;
use rocket_otel_demo::app::Settings;

use crate::support::{Demo, SpanDataExt, tree};

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

#[tokio::test]
async fn a_failure_is_json_or_a_page_as_the_client_prefers() {
    for (path, status) in [("/nowhere/1234", 404), ("/test/number/ten", 422), ("/test/panics", 500)]
    {
        let demo = demo().await;
        let (answer, page) = (demo.get(path).await, demo.browse(path).await);
        for answer in [&answer, &page] {
            assert_eq!((answer.status, answer.header("Vary")), (status, Some("Accept")), "{path}");
        }
        assert!(answer.is_json() && page.is_html(), "{path}");
        let json = answer.json();
        assert!(json["error"].as_str().is_some_and(|error| !error.is_empty()), "{json}");
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(1));
        let [trace, ..] = page.trace();
        assert!(page.text().contains(&trace), "{path}: the page names its trace");
        assert!(page.text().contains(&status.to_string()), "{path}");

        let mut spans = demo.spans.all();
        spans.retain(|span| span.span_kind == SpanKind::Server);
        assert_eq!(spans.len(), 2, "{path}");
        // A client's mistake is not an error of the server.
        assert!(spans.iter().all(|span| span.is_error() == (status == 500)), "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_recorded_and_its_message_stays_out_of_the_answer() {
    for is_browser in [false, true] {
        let demo = demo().await;
        let path = "/test/panics";
        let answer = if is_browser { demo.browse(path).await } else { demo.get(path).await };
        assert!(!answer.text().contains("secret"), "{}", answer.text());
        assert_eq!(tree(&demo.spans.all()), "Server GET /test/panics\n  Internal before\n");
        let span = demo.spans.named("GET /test/panics");
        assert_eq!(answer.trace()[1], span.id().to_string());
        assert_eq!(span.int("http.response.status_code"), Some(500));
        assert_eq!(span.text("error.type"), Some("panic"));
        assert_eq!(span.exception_message().as_deref(), Some("a secret of the house"));

        assert_eq!(demo.get("/health").await.status, 200);
        assert!(!demo.spans.named("GET /health").is_error());
    }
}

#[tokio::test]
async fn other_static_files_are_404() {
    let demo = Demo::start().await;
    for path in ["/static", "/static/", "/static/nothing.css", "/static/%2e%2e%2fCargo.toml"] {
        assert_eq!(demo.get(path).await.status, 404, "{path}");
    }
}

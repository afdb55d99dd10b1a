//! Answers and span trees of the endpoints that do simulated work.

use std::time::Duration;

use opentelemetry::Value;
use opentelemetry::trace::{SpanKind, Status};
use rocket::http::Method;

use crate::harness::{Demo, SpanDataExt, answer, tree};

#[tokio::test]
async fn users_lists_three_people() {
    let demo = Demo::new().local().await;
    let answer = demo.get("/api/users").await;
    let expected = r#"[{"id":1,"name":"Alice","email":"alice@example.com"},{"id":2,"name":"Bob","email":"bob@example.com"},{"id":3,"name":"Charlie","email":"charlie@example.com"}]"#;
    assert_eq!((answer.status, answer.text()), (200, expected));
    assert!(answer.is_json());
}

#[tokio::test]
async fn users_makes_two_spans_with_the_query_in_old_and_new_names() {
    let demo = Demo::new().local().await;
    demo.get("/api/users").await;
    assert_eq!(tree(&demo.spans.all()), "Server GET /api/users\n  Internal fetch_users\n");

    let query = demo.spans.named("fetch_users");
    for (key, value) in [
        ("db.system", "postgresql"),
        ("db.operation", "select"),
        ("db.system.name", "postgresql"),
        ("db.operation.name", "select"),
    ] {
        assert_eq!(query.text(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(query.int("result.count"), Some(3));
    assert_eq!(query.attributes.len(), 5);
    assert_eq!((query.status.clone(), query.events.len()), (Status::Unset, 0));
    assert!(query.duration() >= Duration::from_millis(100), "{:?}", query.duration());

    let server = demo.spans.named("GET /api/users");
    assert!(query.is_child_of(&server));
    assert!(server.end_time >= query.end_time);
}

#[tokio::test]
async fn process_tells_how_long_it_took() {
    let demo = Demo::new().local().await;
    let answer = demo.get("/api/process").await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let duration = text.strip_prefix(r#"{"status":"success","duration_ms":"#);
    let duration: f64 = duration.and_then(|d| d.strip_suffix('}')).unwrap().parse().unwrap();
    assert!(duration >= 200.0, "{duration}");
    let hundredths = duration * 100.0;
    assert!((hundredths - hundredths.round()).abs() < 1e-6, "two decimals: {duration}");

    let whole = demo.spans.named("process_request").duration().as_secs_f64() * 1e3;
    assert!((whole - duration).abs() < 50.0, "span {whole}, answer {duration}");
}

#[tokio::test]
async fn process_makes_five_spans_with_the_steps_one_after_the_other() {
    let demo = Demo::new().local().await;
    demo.get("/api/process").await;
    let spans = demo.spans.all();
    let expected = "Server GET /api/process\n  Internal process_request\n    Internal validate_data\n    \
                    Internal process_data\n    Internal save_results\n";
    assert_eq!(tree(&spans), expected);

    let steps = [
        ("validate_data", "validate", 50),
        ("process_data", "process", 100),
        ("save_results", "save", 50),
    ];
    let mut earlier = demo.spans.named("process_request").start_time;
    for (name, step, least) in steps {
        let span = demo.spans.named(name);
        assert_eq!(span.text("step").as_deref(), Some(step));
        assert!(span.duration() >= Duration::from_millis(least), "{name}");
        assert!(span.start_time >= earlier, "{name} starts when the one before has ended");
        assert_eq!(span.status, Status::Unset);
        earlier = span.end_time;
    }
    let records = demo.spans.named("save_results").int("records_saved");
    assert!(records.is_some_and(|n| (1..=100).contains(&n)), "{records:?}");
    assert!(demo.spans.named("validate_data").value("records_saved").is_none());
}

#[tokio::test]
async fn error_answers_500_and_tells_the_span_why() {
    let demo = Demo::new().local().await;
    let answer = demo.get("/api/error").await;
    let expected = r#"{"error":"Simulated error for tracing"}"#;
    assert_eq!((answer.status, answer.text()), (500, expected));
    assert!(answer.is_json());

    let span = demo.spans.only();
    assert_eq!(span.name, "GET /api/error");
    assert_eq!(span.description(), "Simulated error for tracing");
    assert_eq!(span.value("error"), Some(&Value::Bool(true)));
    assert_eq!(span.int("http.response.status_code"), Some(500));
    assert_eq!(span.text("error.type").as_deref(), Some("500"));
    let [event] = span.events.events.as_slice() else { panic!("{:?}", span.events) };
    assert_eq!(event.name, "exception");
    let attribute = |key: &str| {
        let found = event.attributes.iter().find(|kv| kv.key.as_str() == key);
        found.map(|kv| kv.value.to_string()).unwrap_or_default()
    };
    assert_eq!(attribute("exception.type"), "SimulatedError");
    assert_eq!(attribute("exception.message"), "Simulated error for tracing");
    assert!(attribute("exception.stacktrace").contains("crates/handlers/src/error.rs:"));
}

#[tokio::test]
async fn health_says_that_it_is_healthy() {
    let demo = Demo::new().local().await;
    let answer = demo.get("/health").await;
    assert_eq!((answer.status, answer.text()), (200, r#"{"status":"healthy"}"#));
    assert!(answer.is_json());
    assert_eq!(tree(&demo.spans.all()), "Server GET /health\n");
}

#[tokio::test]
async fn a_server_span_tells_what_the_conventions_ask() {
    let demo = Demo::new().local().await;
    demo.get_with("/health?probe=1", &[("User-Agent", "probe/1.0")]).await;
    let span = demo.spans.only();
    assert_eq!(span.span_kind, SpanKind::Server);
    assert_eq!(span.status, Status::Unset);
    assert_eq!(span.text("http.request.method").as_deref(), Some("GET"));
    assert_eq!(span.text("url.path").as_deref(), Some("/health"));
    assert_eq!(span.text("url.query").as_deref(), Some("probe=1"));
    assert_eq!(span.text("url.scheme").as_deref(), Some("http"));
    assert_eq!(span.text("http.route").as_deref(), Some("/health"));
    assert_eq!(span.text("user_agent.original").as_deref(), Some("probe/1.0"));
    assert_eq!(span.int("http.response.status_code"), Some(200));
    for absent in ["error.type", "http.request.method_original", "error"] {
        assert!(span.value(absent).is_none(), "{absent}");
    }
    let scope = &span.instrumentation_scope;
    assert_eq!((scope.name(), scope.version()), ("rocket_opentelemetry", Some("0.1.0")));
}

#[tokio::test]
async fn every_answer_names_the_trace_and_span_of_its_request() {
    let demo = Demo::new().local().await;
    for path in ["/", "/api/users", "/api/process", "/api/error", "/health", "/nowhere"] {
        demo.spans.forget();
        let answer = demo.get(path).await;
        let all = demo.spans.all();
        let server = all.iter().find(|span| span.span_kind == SpanKind::Server).unwrap();
        let expected = [server.trace_id().to_string(), server.id().to_string(), "01".to_owned()];
        assert_eq!(answer.trace(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_path_asked_with_another_method_is_not_found() {
    let demo = Demo::new().local().await;
    for (method, name) in [(Method::Post, "POST"), (Method::Delete, "DELETE")] {
        demo.spans.forget();
        let answer = answer(demo.client.req(method, "/api/users")).await;
        assert_eq!(answer.status, 404);
        let span = demo.spans.only();
        assert_eq!(span.name, name);
        assert!(span.value("http.route").is_none());
    }
}

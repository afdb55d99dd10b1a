//! The simulated work takes the time that its answers and spans say.

use std::time::Duration;

use opentelemetry::trace::Status;

use crate::support::{Demo, SpanDataExt, tree};

#[tokio::test]
async fn the_query_for_users_takes_100_ms_inside_the_servers_span() {
    let demo = Demo::start().await;
    demo.get("/api/users").await;
    assert_eq!(tree(&demo.spans.all()), "Server GET /api/users\n  Internal fetch_users\n");
    let query = demo.spans.named("fetch_users");
    assert!(query.duration() >= Duration::from_millis(100), "{:?}", query.duration());
    assert_eq!((&query.status, query.events.len()), (&Status::Unset, 0));
    let server = demo.spans.named("GET /api/users");
    assert!(query.is_child_of(&server) && server.end_time >= query.end_time);
}

#[tokio::test]
async fn process_reports_its_duration_with_two_decimals() {
    let demo = Demo::start().await;
    let answer = demo.get("/api/process").await;
    let duration = answer.json()["duration_ms"].as_f64().expect("a number");
    assert!(duration >= 200.0, "{duration}");
    let hundredths = duration * 100.0;
    assert!((hundredths - hundredths.round()).abs() < 1e-6, "two decimals: {duration}");
    let whole = demo.spans.named("process_request").duration().as_secs_f64() * 1e3;
    assert!((whole - duration).abs() < 50.0, "span {whole}, answer {duration}");
}

#[tokio::test]
async fn the_steps_of_process_run_one_after_the_other() {
    let demo = Demo::start().await;
    demo.get("/api/process").await;
    let expected = "Server GET /api/process\n  Internal process_request\n    Internal validate_data\n    \
                    Internal process_data\n    Internal save_results\n";
    assert_eq!(tree(&demo.spans.all()), expected);
    let mut earlier = demo.spans.named("process_request").start_time;
    for (name, least) in [("validate_data", 50), ("process_data", 100), ("save_results", 50)] {
        let span = demo.spans.named(name);
        assert!(span.duration() >= Duration::from_millis(least), "{name}");
        assert!(span.start_time >= earlier, "{name} starts after the end of the step before");
        assert_eq!(span.status, Status::Unset);
        earlier = span.end_time;
    }
    let records = demo.spans.named("save_results").int("records_saved");
    assert!(records.is_some_and(|n| (1..=100).contains(&n)), "{records:?}");
}

//! `GET /api/traces`: what is kept, and how little of it.

use rocket_otel_demo::app::Settings;

use crate::harness::{Demo, LocalDemo};

async fn with(variables: &[(&str, &str)]) -> LocalDemo {
    Demo::with(variables, &Settings::default()).local().await
}

async fn list(demo: &LocalDemo) -> Vec<serde_json::Value> {
    let answer = demo.get("/api/traces").await;
    assert_eq!(answer.status, 200);
    assert!(answer.is_json());
    answer.json().as_array().expect("a list").clone()
}

#[tokio::test]
async fn the_list_begins_empty() {
    let demo = with(&[]).await;
    assert_eq!(demo.get("/api/traces").await.text(), "[]");
}

#[tokio::test]
async fn a_trace_is_listed_as_soon_as_its_request_is_over() {
    let demo = with(&[]).await;
    let [trace, ..] = demo.get("/api/users").await.trace();
    let [summary] = list(&demo).await.try_into().expect("one trace");
    assert_eq!(summary["trace_id"], trace.as_str());
    assert_eq!(summary["name"], "GET /api/users");
    assert_eq!(summary["span_count"], 2);
    assert_eq!(summary["status"], "unset");
    assert!(summary["duration_ms"].as_f64().is_some_and(|ms| ms >= 100.0), "{summary}");
    let started = summary["started_at"].as_str().expect("a time");
    assert!(started.starts_with("20") && started.ends_with('Z') && started.contains('T'));
}

#[tokio::test]
async fn the_newest_is_first_and_errors_are_marked() {
    let demo = with(&[]).await;
    for path in ["/health", "/api/error", "/nowhere"] {
        demo.get(path).await;
    }
    let all = list(&demo).await;
    let shown: Vec<_> = all.iter().map(|s| (s["name"].as_str(), s["status"].as_str())).collect();
    let expected = [("GET", "unset"), ("GET /api/error", "error"), ("GET /health", "unset")];
    assert_eq!(shown, expected.map(|(name, status)| (Some(name), Some(status))));
}

#[tokio::test]
async fn what_watches_traces_is_not_traced() {
    let demo = with(&[]).await;
    for path in [
        "/api/traces",
        "/api/traces/0af7651916cd43dd8448eb211c80319c",
        "/api/traces/bad",
        "/traces",
        "/static/style.css",
        "/static/missing.css",
    ] {
        let answer = demo.get(path).await;
        assert!(answer.header("traceresponse").is_none(), "{path}");
    }
    assert!(demo.spans.all().is_empty(), "{:?}", demo.spans.names());
    assert!(list(&demo).await.is_empty());
}

#[tokio::test]
async fn the_oldest_traces_go_when_there_are_too_many() {
    let demo = with(&[("RECENT_TRACES_MAX", "3")]).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let [trace, ..] = demo.get("/health").await.trace();
        ids.push(trace);
        // Looking in between keeps the order that requests came in.
        assert!(list(&demo).await.len() <= 3);
    }
    let kept: Vec<_> =
        list(&demo).await.iter().map(|s| s["trace_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kept, [ids[4].clone(), ids[3].clone(), ids[2].clone()]);
    assert_eq!(demo.get(&format!("/api/traces/{}", ids[0])).await.status, 404);
}

#[tokio::test]
async fn traces_that_all_come_at_once_are_bounded_too() {
    let demo = with(&[("RECENT_TRACES_MAX", "3")]).await;
    let mut last = String::new();
    for _ in 0..20 {
        [last, ..] = demo.get("/health").await.trace();
    }
    let all = list(&demo).await;
    assert_eq!((all.len(), all[0]["trace_id"].as_str()), (3, Some(last.as_str())));
}

#[tokio::test]
async fn traces_go_when_their_bytes_are_too_many() {
    let demo = with(&[("RECENT_TRACES_MAX_BYTES", "40000")]).await;
    let agent = "x".repeat(8_000);
    for _ in 0..20 {
        demo.get_with("/health", &[("User-Agent", &agent)]).await;
        let kept = list(&demo).await.len();
        assert!((1..=4).contains(&kept), "{kept} spans of 8 kB in 40 kB");
    }
    let small = with(&[("RECENT_TRACES_MAX_BYTES", "40000")]).await;
    for _ in 0..20 {
        small.get("/health").await;
    }
    assert!(list(&small).await.len() > 4, "small spans leave room for more");
}

#[tokio::test]
async fn one_endless_trace_does_not_push_the_others_out() {
    let demo = with(&[("RECENT_TRACES_MAX_BYTES", "60000")]).await;
    let [other, ..] = demo.get("/health").await.trace();
    let parent = [("traceparent", crate::harness::TRACEPARENT)];
    for _ in 0..200 {
        demo.get_with("/health", &parent).await;
    }
    let ids: Vec<_> =
        list(&demo).await.iter().map(|s| s["trace_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [crate::harness::TRACE_ID, &other]);
    let recent = demo.observed.recent().expect("it is on").newest_first();
    assert!(recent[0].omitted > 0 && recent[0].spans.len() > 10);
}

#[tokio::test]
async fn switched_off_there_is_no_list_and_the_page_says_so() {
    let demo = with(&[("RECENT_TRACES_MAX", "0")]).await;
    demo.get("/health").await;
    for path in ["/api/traces", "/api/traces/0af7651916cd43dd8448eb211c80319c"] {
        let answer = demo.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("RECENT_TRACES_MAX"), "{path}");
    }
    assert_eq!(demo.get("/api/traces/live").await.status, 404);
    assert!(demo.browse("/").await.text().contains("switched off"));
    assert_eq!(demo.spans.all().len(), 2, "spans are made all the same");
}

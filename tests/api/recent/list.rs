//! `GET /api/traces`: which traces are kept.

use rocket_otel_demo::app::Settings;
use rocket_otel_demo::recent_traces::RecentTracesLimits;
use serde_json::Value;

use crate::support::{Demo, TRACE_ID, TRACEPARENT};

/// The demo with bounds in traces or in bytes.
async fn with(change: impl FnOnce(&mut RecentTracesLimits)) -> Demo {
    let mut settings = Settings::default();
    change(&mut settings.recent_traces);
    Demo::with(&[], settings).await
}

async fn list(demo: &Demo) -> Vec<Value> {
    let answer = demo.get("/api/traces").await;
    assert_eq!(answer.status, 200);
    assert!(answer.is_json());
    answer.json().as_array().expect("a list").clone()
}

/// The ids of the list.
async fn ids(demo: &Demo) -> Vec<String> {
    let list = list(demo).await;
    list.iter().map(|summary| summary["trace_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_trace_is_listed_as_soon_as_its_request_has_ended() {
    let demo = Demo::start().await;
    assert_eq!(demo.get("/api/traces").await.text(), "[]");
    let [trace, ..] = demo.get("/api/users").await.trace();
    let [summary] = list(&demo).await.try_into().expect("one trace");
    assert_eq!(summary["trace_id"], trace.as_str());
    assert_eq!(summary["name"], "GET /api/users");
    assert_eq!(summary["span_count"], 2);
    assert_eq!(summary["status"], "unset");
    assert!(summary["duration_ms"].as_f64().is_some_and(|ms| ms >= 100.0), "{summary}");
    let started = summary["started_at"].as_str().expect("a time");
    assert!(started.len() == 24 && started.ends_with('Z') && started.contains('T'), "{started}");
}

#[tokio::test]
async fn the_newest_trace_is_first_and_errors_are_marked() {
    let demo = Demo::start().await;
    for path in ["/health", "/api/error", "/nowhere"] {
        demo.get(path).await;
    }
    let all = list(&demo).await;
    let shown: Vec<_> = all.iter().map(|s| (s["name"].as_str(), s["status"].as_str())).collect();
    let expected = [("GET", "unset"), ("GET /api/error", "error"), ("GET /health", "unset")];
    assert_eq!(shown, expected.map(|(name, status)| (Some(name), Some(status))));
}

#[tokio::test]
async fn requests_for_traces_and_assets_are_not_traced() {
    let demo = Demo::start().await;
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
async fn the_oldest_traces_are_evicted_first() {
    for reads_between in [true, false] {
        let demo = with(|limits| limits.max_traces = 3).await;
        let mut newest_first = Vec::new();
        for _ in 0..20 {
            let [trace, ..] = demo.get("/health").await.trace();
            newest_first.insert(0, trace);
            if reads_between {
                assert!(list(&demo).await.len() <= 3);
            }
        }
        assert_eq!(ids(&demo).await, newest_first[..3], "reads between: {reads_between}");
        assert_eq!(demo.get(&format!("/api/traces/{}", newest_first[3])).await.status, 404);
    }
}

#[tokio::test]
async fn traces_are_evicted_when_they_exceed_the_bytes() {
    let demo = with(|limits| limits.max_bytes = 40_000).await;
    let agent = "x".repeat(8_000);
    for _ in 0..20 {
        demo.get_with("/health", &[("User-Agent", &agent)]).await;
        let kept = list(&demo).await.len();
        assert!((1..=4).contains(&kept), "{kept} spans of 8 kB in 40 kB");
    }
    for _ in 0..20 {
        demo.get("/health").await;
    }
    assert!(list(&demo).await.len() > 4, "small spans leave room for more");
}

#[tokio::test]
async fn one_endless_trace_does_not_evict_the_others() {
    let demo = with(|limits| limits.max_bytes = 60_000).await;
    let [other, ..] = demo.get("/health").await.trace();
    for _ in 0..200 {
        demo.get_with("/health", &[("traceparent", TRACEPARENT)]).await;
    }
    assert_eq!(ids(&demo).await, [TRACE_ID, &other]);
    let recent = demo.recent().expect("enabled").newest_first();
    assert!(recent[0].omitted > 0 && recent[0].spans.len() > 10);
}

#[tokio::test]
async fn disabled_traces_are_404_and_the_page_says_so() {
    let demo = with(|limits| limits.max_traces = 0).await;
    demo.get("/health").await;
    for path in ["/api/traces", "/api/traces/0af7651916cd43dd8448eb211c80319c", "/api/traces/live"]
    {
        let answer = demo.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("RECENT_TRACES_MAX"), "{path}");
    }
    assert!(demo.browse("/").await.text().contains("Recent traces are disabled"));
    assert_eq!(demo.spans.all().len(), 2, "spans are still recorded");
}

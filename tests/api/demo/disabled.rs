//! `OTEL_SDK_DISABLED`, and sampling that leaves a request out.

use rocket_otel_demo::app::Settings;

use crate::harness::{Demo, Downstream, PARENT_ID, TRACE_ID, TRACEPARENT};

fn disabled(settings: &Settings) -> Demo {
    Demo::with(&[("OTEL_SDK_DISABLED", "true")], settings)
}

#[tokio::test]
async fn a_disabled_sdk_makes_no_spans_and_names_no_trace() {
    let demo = disabled(&Settings::default()).local().await;
    for path in ["/", "/api/error", "/health", "/nowhere"] {
        let answer = demo.get_with(path, &[("traceparent", TRACEPARENT)]).await;
        assert_eq!(answer.header("traceresponse"), None, "{path}");
    }
    assert!(demo.spans.all().is_empty());
    assert!(demo.observed.recent().is_none());
}

#[tokio::test]
async fn a_disabled_sdk_answers_as_ever() {
    let demo = disabled(&Settings::default()).local().await;
    assert_eq!(demo.get("/health").await.text(), r#"{"status":"healthy"}"#);
    assert_eq!(demo.get("/nowhere").await.status, 404);
    assert_eq!(demo.get("/api/error").await.status, 500);
    assert!(demo.browse("/").await.text().contains("switched off"));
}

#[tokio::test]
async fn a_disabled_sdk_hands_the_callers_context_on_as_it_came() {
    let behind = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let settings = Settings { downstream: Some(behind.url()), ..Settings::default() };
    let demo = disabled(&settings).local().await;
    let headers = [("traceparent", TRACEPARENT), ("tracestate", "a=1"), ("baggage", "k=v")];
    let answer = demo.get_with("/api/chain?hops=1", &headers).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(behind.header("traceparent"), [TRACEPARENT]);
    assert_eq!(behind.header("tracestate"), ["a=1"]);
    assert_eq!(behind.header("baggage"), ["k=v"]);
    assert!(demo.spans.all().is_empty());
}

#[tokio::test]
async fn a_disabled_sdk_adds_no_context_of_its_own() {
    let behind = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let settings = Settings { downstream: Some(behind.url()), ..Settings::default() };
    let demo = disabled(&settings).local().await;
    demo.get("/api/chain?hops=1").await;
    assert!(behind.header("traceparent").is_empty(), "{}", behind.head());
}

#[tokio::test]
async fn a_disabled_sdk_hands_baggage_on_without_a_trace() {
    let behind = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let settings = Settings { downstream: Some(behind.url()), ..Settings::default() };
    let demo = disabled(&settings).local().await;
    demo.get_with("/api/chain?hops=1", &[("baggage", "k=v")]).await;
    assert_eq!(behind.header("baggage"), ["k=v"]);
}

#[tokio::test]
async fn a_caller_that_is_not_sampled_is_not_recorded_but_handed_on() {
    let behind = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let settings = Settings { downstream: Some(behind.url()), ..Settings::default() };
    let demo = Demo::with(&[], &settings).local().await;
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-00");
    let answer = demo.get_with("/api/chain?hops=1", &[("traceparent", &parent)]).await;
    let [trace, span, flags] = answer.trace();
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE_ID, "00"));
    assert_ne!(span, PARENT_ID);
    let [handed_on] = behind.header("traceparent").try_into().expect("one header");
    assert!(handed_on.starts_with(&format!("00-{TRACE_ID}-")) && handed_on.ends_with("-00"));
    assert!(demo.spans.all().is_empty());
    assert!(demo.observed.recent().expect("it is on").newest_first().is_empty());
}

#[tokio::test]
async fn a_sampler_that_is_off_records_nothing_but_still_names_the_trace() {
    let off = [("OTEL_TRACES_SAMPLER", "always_off")];
    let demo = Demo::with(&off, &Settings::default()).local().await;
    let [_, _, flags] = demo.get("/health").await.trace();
    assert_eq!(flags, "00");
    assert!(demo.spans.all().is_empty());
}

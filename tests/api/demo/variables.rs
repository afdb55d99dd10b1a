//! Variables that change spans and contexts.

use rocket_otel_demo::app::Settings;

use crate::support::{Demo, Downstream, SpanDataExt, TRACE_ID, TRACEPARENT};

#[tokio::test]
async fn without_propagators_no_context_is_extracted_or_injected() {
    let downstream = Downstream::start().await;
    let demo = Demo::with(&[("OTEL_PROPAGATORS", "none")], downstream.settings()).await;
    let headers = [("traceparent", TRACEPARENT), ("baggage", "k=v")];
    let [trace, ..] = demo.get_with("/api/chain?hops=1", &headers).await.trace();
    assert_ne!(trace, TRACE_ID);
    assert!(downstream.header("traceparent").is_empty() && downstream.header("baggage").is_empty());
    assert!(demo.spans.named("GET").is_child_of(&demo.spans.named("GET /api/chain")));
}

#[tokio::test]
async fn recent_traces_have_values_cut_to_the_limit() {
    let limit = [("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7")];
    let demo = Demo::with(&limit, Settings::default()).await;
    demo.get_with("/health", &[("User-Agent", "ünïcödé is longer")]).await;
    let recent = demo.recent().expect("enabled").newest_first();
    let span = recent[0].spans[0].as_ref();
    assert_eq!(span.text("user_agent.original").as_deref(), Some("ünïcödé"));
    assert_eq!(span.text("url.path").as_deref(), Some("/health"));
}

#[tokio::test]
async fn the_chain_and_the_resource_have_the_name_of_the_service() {
    let variables = [("OTEL_SERVICE_NAME", "shop"), ("OTEL_RESOURCE_ATTRIBUTES", "team=a%2Cb")];
    let demo = Demo::with(&variables, Settings::default()).await;
    let answer = demo.get("/api/chain?hops=0").await;
    assert_eq!(answer.json()["hops"][0]["service"], "shop");
    let [trace, ..] = answer.trace();
    let shown = demo.get(&format!("/api/traces/{trace}")).await;
    let resource = shown.json()["resourceSpans"][0]["resource"].to_string();
    assert!(resource.contains(r#""shop""#) && resource.contains(r#""a,b""#), "{resource}");
}

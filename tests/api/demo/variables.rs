//! Variables that change what a request leaves behind.

use rocket::http::ContentType;
use rocket_otel_demo::app::Settings;

use crate::harness::{
    Demo, Downstream, LocalDemo, PARENT_ID, SpanDataExt, TRACE_ID, TRACEPARENT, answer, launch,
};

async fn with(variables: &[(&str, &str)]) -> LocalDemo {
    Demo::with(variables, &Settings::default()).local().await
}

#[tokio::test]
async fn known_methods_are_those_of_the_variable() {
    let demo = with(&[("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "GET,HEAD")]).await;
    let form = demo.client.post("/health").header(ContentType::Form).body("a=b");
    answer(form).await;
    let span = demo.spans.only();
    assert_eq!(span.name, "HTTP");
    assert_eq!(span.text("http.request.method").as_deref(), Some("_OTHER"));
    assert_eq!(span.text("http.request.method_original").as_deref(), Some("POST"));
}

#[tokio::test]
async fn headers_are_captured_that_the_variables_name() {
    let demo = with(&[
        ("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS", "X-Tenant, x-none"),
        ("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS", "Content-Type"),
    ])
    .await;
    demo.get_with("/health", &[("X-Tenant", "blue"), ("Cookie", "s3cret")]).await;
    let span = demo.spans.only();
    let shown = |key: &str| span.value(key).map(ToString::to_string);
    assert_eq!(shown("http.request.header.x-tenant").as_deref(), Some("[\"blue\"]"));
    assert_eq!(
        shown("http.response.header.content-type").as_deref(),
        Some("[\"application/json\"]")
    );
    assert!(shown("http.request.header.x-none").is_none());
    assert!(!format!("{span:?}").contains("s3cret"));
}

#[tokio::test]
async fn without_propagators_contexts_neither_come_in_nor_go_out() {
    let behind = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let settings = Settings { downstream: Some(behind.url()), ..Settings::default() };
    let demo = Demo::with(&[("OTEL_PROPAGATORS", "none")], &settings).local().await;
    let headers = [("traceparent", TRACEPARENT), ("baggage", "k=v")];
    let [trace, ..] = demo.get_with("/api/chain?hops=1", &headers).await.trace();
    assert_ne!(trace, TRACE_ID);
    assert!(behind.header("traceparent").is_empty() && behind.header("baggage").is_empty());
    assert!(demo.spans.named("GET").is_child_of(&demo.spans.named("GET /api/chain")));
}

#[tokio::test]
async fn a_ratio_of_nothing_records_what_callers_sampled_alone() {
    let ratio =
        [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")];
    let demo = with(&ratio).await;
    assert_eq!(demo.get("/health").await.trace()[2], "00");
    assert!(demo.spans.all().is_empty());
    let answer = demo.get_with("/health", &[("traceparent", TRACEPARENT)]).await;
    assert_eq!((answer.trace()[0].as_str(), answer.trace()[2].as_str()), (TRACE_ID, "01"));
    assert_eq!(demo.spans.only().parent_span_id.to_string(), PARENT_ID);
}

#[tokio::test]
async fn values_longer_than_the_limit_are_cut_in_the_recent_traces() {
    let demo = with(&[("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7")]).await;
    demo.get_with("/health", &[("User-Agent", "ünïcödé is longer")]).await;
    let recent = demo.observed.recent().expect("it is on").newest_first();
    let span = recent[0].spans[0].as_ref();
    assert_eq!(span.text("user_agent.original").as_deref(), Some("ünïcödé"));
    assert_eq!(span.text("url.path").as_deref(), Some("/health"));
}

#[tokio::test]
async fn the_services_name_is_told_by_the_chain_and_the_resource() {
    let demo =
        with(&[("OTEL_SERVICE_NAME", "shop"), ("OTEL_RESOURCE_ATTRIBUTES", "team=a%2Cb")]).await;
    let answer = demo.get("/api/chain?hops=0").await;
    assert_eq!(answer.json()["hops"][0]["service"], "shop");
    let [trace, ..] = answer.trace();
    let shown = demo.get(&format!("/api/traces/{trace}")).await;
    let resource = shown.json()["resourceSpans"][0]["resource"].to_string();
    assert!(resource.contains(r#""shop""#) && resource.contains(r#""a,b""#), "{resource}");
}

#[tokio::test]
async fn the_servers_settings_say_whether_a_proxy_is_trusted() {
    for (trust_forwarded, client) in [(false, "127.0.0.1"), (true, "203.0.113.9")] {
        let settings = Settings { trust_forwarded, ..Settings::default() };
        let Demo { spans, rocket, observed: _observed } = Demo::with(&[], &settings);
        let server = launch(rocket).await;
        server.get("/health", "X-Forwarded-For: 203.0.113.9\r\n").await;
        assert_eq!(spans.ended().await.text("client.address").as_deref(), Some(client));
    }
}

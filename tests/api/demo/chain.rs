//! `GET /api/chain`: calls to a downstream service.

use opentelemetry::trace::SpanKind;
use rocket_otel_demo::app::Settings;

use crate::support::{Demo, Downstream, SpanDataExt, TRACE_ID, TRACEPARENT};

#[tokio::test]
async fn a_chain_calls_one_service_by_default_and_none_for_0_hops() {
    let downstream = Downstream::start().await;
    let demo = Demo::with(&[], downstream.settings()).await;
    assert_eq!(demo.get("/api/chain?hops=0").await.status, 200);
    assert_eq!((demo.spans.all().len(), downstream.count()), (1, 0));
    demo.get("/api/chain").await;
    assert!(downstream.head().starts_with("GET /api/chain?hops=0 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn the_call_carries_the_client_span_as_its_parent() {
    let downstream = Downstream::start().await;
    let demo = Demo::with(&[], downstream.settings()).await;
    let headers = [("traceparent", TRACEPARENT), ("tracestate", "a=1,b=2"), ("baggage", "k=v")];
    let answer = demo.get_with("/api/chain?hops=1", &headers).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let client = demo.spans.named("GET");
    let server = demo.spans.named("GET /api/chain");
    assert_eq!(client.span_kind, SpanKind::Client);
    assert!(client.is_child_of(&server));
    assert_eq!(server.trace_id().to_string(), TRACE_ID);
    assert_eq!(downstream.header("traceparent"), [format!("00-{TRACE_ID}-{}-01", client.id())]);
    assert_eq!(downstream.header("tracestate"), ["a=1,b=2"]);
    assert_eq!(downstream.header("baggage"), ["k=v"]);
}

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
async fn no_header_or_parameter_chooses_the_service_to_call() {
    let downstream = Downstream::start().await;
    let settings = Settings { trust_forwarded: true, ..downstream.settings() };
    let demo = Demo::with(&[], settings).await;
    let headers = [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example")];
    let path = "/api/chain?hops=1&url=http://evil.example/&downstream=http://evil.example/";
    assert_eq!(demo.get_with(path, &headers).await.status, 200);
    assert!(!downstream.head().contains("evil"));
}

#[tokio::test]
async fn a_failing_downstream_service_is_502() {
    for (status, body) in [("500 Oops", "{}"), ("200 OK", "no JSON"), ("204 No Content", "")] {
        let downstream = Downstream::answering(status, body).await;
        let demo = Demo::with(&[], downstream.settings()).await;
        let answer = demo.get("/api/chain?hops=1").await;
        assert_eq!(answer.status, 502, "{status}");
        assert!(answer.json()["error"].is_string());
        let client = demo.spans.named("GET");
        assert_eq!(client.is_error(), status.starts_with('5'), "{status}");
        assert!(demo.spans.named("GET /api/chain").is_error());
    }
}

#[tokio::test]
async fn an_unreachable_downstream_service_is_502_and_its_address_stays_private() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let downstream = Some(format!("http://{address}/").parse().unwrap());
    let demo = Demo::with(&[], Settings { downstream, ..Settings::default() }).await;
    let answer = demo.get("/api/chain?hops=1").await;
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains(&address.port().to_string()), "{}", answer.text());
    assert_eq!(demo.spans.named("GET").text("error.type"), Some("connect"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Downstream::start().await;
    let status = format!("302 Found\r\nLocation: {}", elsewhere.url());
    let downstream = Downstream::answering(&status, "").await;
    let demo = Demo::with(&[], downstream.settings()).await;
    assert_eq!(demo.get("/api/chain?hops=1").await.status, 502);
    assert_eq!((downstream.count(), elsewhere.count()), (1, 0));
}

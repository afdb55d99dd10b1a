//! `GET /api/chain`: one trace through several services.

use opentelemetry::trace::SpanKind;
use rocket_otel_demo::app::Settings;

use crate::harness::{Demo, Downstream, SpanDataExt, TRACE_ID, TRACEPARENT, launch, tree};

fn behind(downstream: &Downstream) -> Settings {
    Settings { downstream: Some(downstream.url()), ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_is_one_trace_of_client_and_server_spans_in_turn() {
    let Demo { spans, rocket, observed: _observed } = Demo::new();
    let server = launch(rocket).await;
    let answer = server.get("/api/chain?hops=2", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let all = spans.ended_count(5).await;
    let expected = "Server GET /api/chain\n  Client GET\n    Server GET /api/chain\n      \
                    Client GET\n        Server GET /api/chain\n";
    assert_eq!(tree(&all), expected);

    let [trace, ..] = answer.trace();
    let json = answer.json();
    let hops = json["hops"].as_array().expect("hops");
    assert_eq!(hops.len(), 3);
    for hop in hops {
        assert_eq!(hop["service"], "rocket-demo-app");
        assert_eq!(hop["trace_id"], trace.as_str());
    }
    let mut queries: Vec<_> = all.iter().filter(|s| s.span_kind == SpanKind::Server).collect();
    queries.sort_by_key(|span| span.start_time);
    let queries: Vec<_> = queries.iter().filter_map(|span| span.text("url.query")).collect();
    assert_eq!(queries, ["hops=2", "hops=1", "hops=0"]);
    let remote: Vec<_> = all.iter().filter(|span| span.parent_span_is_remote).collect();
    assert_eq!(remote.len(), 2, "what comes over the wire has a remote parent");
}

#[tokio::test]
async fn without_hops_it_calls_nobody_and_by_default_one() {
    let behind_it = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let demo = Demo::with(&[], &behind(&behind_it)).local().await;
    assert_eq!(demo.get("/api/chain?hops=0").await.status, 200);
    assert_eq!(demo.spans.all().len(), 1);
    demo.get("/api/chain").await;
    assert!(behind_it.head().starts_with("GET /api/chain?hops=0 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn the_call_behind_carries_the_client_span_as_its_parent() {
    let behind_it = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let demo = Demo::with(&[], &behind(&behind_it)).local().await;
    let headers = [("traceparent", TRACEPARENT), ("tracestate", "a=1,b=2"), ("baggage", "k=v")];
    let answer = demo.get_with("/api/chain?hops=1", &headers).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let client = demo.spans.named("GET");
    let server = demo.spans.named("GET /api/chain");
    assert_eq!(client.span_kind, SpanKind::Client);
    assert!(client.is_child_of(&server));
    assert_eq!(server.trace_id().to_string(), TRACE_ID);
    assert_eq!(behind_it.header("traceparent"), [format!("00-{TRACE_ID}-{}-01", client.id())]);
    assert_eq!(behind_it.header("tracestate"), ["a=1,b=2"]);
    assert_eq!(behind_it.header("baggage"), ["k=v"]);
}

#[tokio::test]
async fn a_host_or_forwarded_header_does_not_choose_whom_it_calls() {
    let behind_it = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let settings = Settings { trust_forwarded: true, ..behind(&behind_it) };
    let demo = Demo::with(&[], &settings).local().await;
    let headers = [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example")];
    let path = "/api/chain?hops=1&url=http://evil.example/&downstream=http://evil.example/";
    assert_eq!(demo.get_with(path, &headers).await.status, 200);
    assert!(!behind_it.head().contains("evil"));
}

#[tokio::test]
async fn a_service_behind_that_fails_is_502_with_the_client_span_in_error() {
    for (status, body) in [("500 Oops", "{}"), ("200 OK", "no JSON"), ("204 No Content", "")] {
        let behind_it = Downstream::answering(status, body).await;
        let demo = Demo::with(&[], &behind(&behind_it)).local().await;
        let answer = demo.get("/api/chain?hops=1").await;
        assert_eq!(answer.status, 502, "{status}");
        assert!(answer.json()["error"].is_string());
        let client = demo.spans.named("GET");
        assert_eq!(client.is_error(), status.starts_with('5'), "{status}");
        assert!(demo.spans.named("GET /api/chain").is_error());
    }
}

#[tokio::test]
async fn a_service_behind_that_is_away_is_502_and_its_address_stays_inside() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let downstream = Some(format!("http://{address}/").parse().unwrap());
    let demo = Demo::with(&[], &Settings { downstream, ..Settings::default() }).local().await;
    let answer = demo.get("/api/chain?hops=1").await;
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains(&address.port().to_string()), "{}", answer.text());
    assert_eq!(demo.spans.named("GET").text("error.type").as_deref(), Some("connect"));
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let elsewhere = Downstream::answering("200 OK", r#"{"hops":[]}"#).await;
    let status = format!("302 Found\r\nLocation: {}", elsewhere.url());
    let behind_it = Downstream::answering(&status, "").await;
    let demo = Demo::with(&[], &behind(&behind_it)).local().await;
    assert_eq!(demo.get("/api/chain?hops=1").await.status, 502);
    assert!(behind_it.head().starts_with("GET /api/chain"));
    assert_eq!(elsewhere.count(), 0);
}

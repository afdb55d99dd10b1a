//! The traced client, against a service behind a socket.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::context::FutureExt;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use reqwest::{Method, Url};
use rocket_opentelemetry::{KnownMethods, TracedClient};

use crate::support::{Downstream, Metrics, SpanDataExt, Spans};

const DURATION: &str = "http.client.request.duration";

struct TestClient {
    client: TracedClient,
    tracer: SdkTracer,
    spans: Spans,
    metrics: Metrics,
    _provider: SdkTracerProvider,
}

/// A client that speaks plain HTTP: reqwest asks for a TLS provider all the same.
fn untraced() -> reqwest::Client {
    // An error means that another test has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    client.timeout(Duration::from_secs(10)).build().expect("a client")
}

fn test_client() -> TestClient {
    let (spans, metrics) = (Spans::default(), Metrics::new());
    let (provider, tracer) = spans.tracer();
    let client = TracedClient::new(untraced())
        .with_tracer(tracer.clone())
        .with_meter(&metrics.meter())
        .with_propagator(TraceContextPropagator::new());
    TestClient { client, tracer, spans, metrics, _provider: provider }
}

#[tokio::test]
async fn a_call_is_a_client_span_with_the_attributes_of_the_conventions() {
    let TestClient { client, spans, metrics, .. } = &test_client();
    let service = Downstream::answering(200).await;
    let url = service.url("/path?a=1#fragment");
    let response = client.send(client.get(url)).await.expect("a response");
    assert_eq!(response.status(), 200);

    let span = spans.only();
    assert_eq!((span.name.as_ref(), &span.span_kind), ("GET", &SpanKind::Client));
    assert_eq!(span.text("http.request.method"), Some("GET"));
    assert_eq!(span.text("server.address"), Some("127.0.0.1"));
    assert_eq!(span.int("server.port"), Some(i64::from(service.port())));
    assert_eq!(span.text("url.full"), Some(&*service.url("/path?a=1")));
    assert_eq!(span.int("http.response.status_code"), Some(200));
    assert_eq!(span.status, Status::Unset);
    for absent in ["error.type", "http.request.resend_count", "http.request.method_original"] {
        assert!(span.value(absent).is_none(), "{absent}");
    }

    let point = metrics.point(DURATION);
    let keys =
        ["http.request.method", "http.response.status_code", "server.address", "server.port"];
    assert_eq!((point.count, point.keys()), (1, keys.to_vec()));
    assert!((point.sum - span.duration().as_secs_f64()).abs() < 1e-9);
    assert_eq!(metrics.unit(DURATION), "s");
}

#[tokio::test]
async fn a_call_propagates_its_own_span_in_place_of_any_other_and_no_empty_state() {
    let TestClient { client, tracer, spans, .. } = &test_client();
    let service = Downstream::answering(200).await;
    let cx = Context::current_with_span(tracer.start("caller"));
    let request = client.get(service.url("/")).header("traceparent", "00-stale");
    let call = client.send(request.header("x-own", "1"));
    call.with_context(cx.clone()).await.expect("a response");
    cx.span().end();

    let (caller, call) = (spans.named("caller"), spans.named("GET"));
    assert!(call.is_child_of(&caller));
    let expected = format!("00-{}-{}-01", caller.trace_id(), call.id());
    let headers = service.request().await.headers;
    assert!(headers.get_all("traceparent").iter().eq([&*expected]), "{headers:?}");
    assert_eq!(headers["x-own"], "1");
    assert!(!headers.contains_key("tracestate"), "{headers:?}");
}

#[tokio::test]
async fn a_response_of_4xx_or_5xx_is_an_error_of_the_span_but_not_of_the_call() {
    for code in [404, 503] {
        let TestClient { client, spans, metrics, .. } = &test_client();
        let service = Downstream::answering(code).await;
        let response = client.send(client.post(service.url("/"))).await.expect("a response");
        assert_eq!(response.status(), code);
        let span = spans.only();
        assert_eq!((&*span.name, span.description()), ("POST", ""), "the code explains it");
        assert_eq!(span.int("http.response.status_code"), Some(i64::from(code)));
        let code = code.to_string();
        assert_eq!(span.text("error.type"), Some(&*code));
        assert_eq!(metrics.point(DURATION).label("error.type"), Some(&*code));
    }
}

#[tokio::test]
async fn a_refused_connection_has_the_error_type_connect() {
    let TestClient { client, spans, metrics, .. } = &test_client();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let result = client.send(client.get(format!("http://{address}/"))).await;
    assert!(result.is_err_and(|error| error.is_connect()));
    let span = spans.only();
    assert_eq!(span.text("error.type"), Some("connect"));
    assert!(span.is_error() && span.value("http.response.status_code").is_none());
    let point = metrics.point(DURATION);
    assert_eq!(point.label("error.type"), Some("connect"));
    assert!(point.label("http.response.status_code").is_none());
}

#[tokio::test]
async fn a_call_that_is_dropped_has_the_error_type_cancelled() {
    let TestClient { client, spans, metrics, .. } = &test_client();
    // It accepts connections and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let call = client.send(client.get(format!("http://{address}/")));
    tokio::select! {
        _ = call => panic!("there is no response"),
        _ = listener.accept() => {}
    }
    let span = spans.only();
    assert_eq!(span.text("error.type"), Some("cancelled"));
    assert!(span.is_error());
    assert_eq!(metrics.point(DURATION).label("error.type"), Some("cancelled"));
}

#[tokio::test]
async fn signed_query_values_are_redacted_in_the_span_and_sent_unchanged() {
    let TestClient { client, spans, metrics, .. } = &test_client();
    let service = Downstream::answering(200).await;
    let path = "/?sig=s3cret&a=1&X-Amz-Signature=s3cret";
    client.send(client.get(service.url(path))).await.expect("a response");
    let expected = service.url(&path.replace("s3cret", "REDACTED"));
    assert_eq!(spans.only().text("url.full"), Some(&*expected));
    assert!(service.request().await.url.as_str().contains(path));
    assert!(!metrics.dump().contains("s3cret"));
}

#[tokio::test]
async fn credentials_of_a_url_are_redacted() {
    let TestClient { client, spans, .. } = &test_client();
    let service = Downstream::answering(200).await;
    let of_user = |user: &str| service.url("/").replace("//", &format!("//{user}@"));
    let url = Url::parse(&of_user("us3r:s3cret")).expect("a URL");

    // reqwest's builder turns them into a header.
    client.send(client.get(url.clone())).await.expect("a response");
    assert_eq!(spans.only().text("url.full"), Some(&*service.url("/")));
    assert_eq!(service.request().await.headers["authorization"], "Basic dXMzcjpzM2NyZXQ=");

    // A request that is built by hand keeps them in its URL.
    spans.forget();
    let request = reqwest::Request::new(Method::GET, url);
    let request = reqwest::RequestBuilder::from_parts(untraced(), request);
    client.send(request).await.expect("a response");
    let expected = of_user("REDACTED:REDACTED");
    assert_eq!(spans.only().text("url.full"), Some(&*expected));
}

#[tokio::test]
async fn a_resend_is_a_span_of_its_own_with_its_number() {
    let TestClient { client, spans, .. } = &test_client();
    let service = Downstream::answering(503).await;
    let get = || client.get(service.url("/"));
    client.send(get()).await.expect("a response");
    client.resend(get(), 1).await.expect("a response");
    client.resend(get(), 2).await.expect("a response");
    let spans = spans.all();
    let counts: Vec<_> = spans.iter().map(|s| s.int("http.request.resend_count")).collect();
    assert_eq!(counts, [None, Some(1), Some(2)]);
}

#[tokio::test]
async fn a_method_that_is_not_known_is_other_with_its_original() {
    let TestClient { client, spans, .. } = test_client();
    let service = Downstream::answering(200).await;
    let method = Method::from_bytes(b"BREW").expect("a method");
    client.send(client.request(method, service.url("/"))).await.expect("a response");
    let span = spans.only();
    assert_eq!(span.name, "HTTP");
    assert_eq!(span.text("http.request.method"), Some("_OTHER"));
    assert_eq!(span.text("http.request.method_original"), Some("BREW"));

    spans.forget();
    let client = client.with_known_methods(KnownMethods::parse("POST"));
    client.send(client.get(service.url("/"))).await.expect("a response");
    assert_eq!(spans.only().text("http.request.method"), Some("_OTHER"));
}

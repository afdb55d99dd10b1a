//! The instrumented client.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::context::FutureExt;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use rocket_opentelemetry::{KnownMethods, TracedClient};
use rocket_otel_demo::tls;

use crate::harness::{Downstream, Metrics, SpanDataExt, Spans};

const DURATION: &str = "http.client.request.duration";

struct Setup {
    client: TracedClient,
    tracer: SdkTracer,
    spans: Spans,
    metrics: Metrics,
    _provider: SdkTracerProvider,
}

fn setup() -> Setup {
    let (spans, metrics) = (Spans::default(), Metrics::new());
    let (provider, tracer) = spans.tracer();
    let inner = tls::client_for("http").no_proxy().timeout(Duration::from_secs(10)).build();
    let client = TracedClient::new(inner.expect("a client"))
        .with_tracer(tracer.clone())
        .with_meter(&metrics.meter())
        .with_propagator(TraceContextPropagator::new());
    Setup { client, tracer, spans, metrics, _provider: provider }
}

#[tokio::test]
async fn a_call_is_a_client_span_with_the_conventions_attributes() {
    let Setup { client, spans, metrics, .. } = &setup();
    let behind = Downstream::answering("200 OK", "fine").await;
    let url = behind.url_with("/path?a=1#fragment");
    let response = client.send(client.get(url)).await.expect("an answer");
    assert_eq!(response.status(), 200);

    let span = spans.only();
    assert_eq!((span.name.as_ref(), &span.span_kind), ("GET", &SpanKind::Client));
    assert_eq!(span.text("http.request.method").as_deref(), Some("GET"));
    assert_eq!(span.text("server.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(span.int("server.port"), Some(i64::from(behind.address.port())));
    let full = behind.url_with("/path?a=1").to_string();
    assert_eq!(span.text("url.full"), Some(full));
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
async fn a_call_hands_on_its_own_span_as_the_parent_and_no_empty_state() {
    let Setup { client, tracer, spans, .. } = &setup();
    let behind = Downstream::answering("200 OK", "").await;
    let cx = Context::current_with_span(tracer.start("caller"));
    client.send(client.get(behind.url())).with_context(cx.clone()).await.expect("an answer");
    cx.span().end();

    let (caller, call) = (spans.named("caller"), spans.named("GET"));
    assert!(call.is_child_of(&caller));
    let expected = format!("00-{}-{}-01", caller.trace_id(), call.id());
    assert_eq!(behind.header("traceparent"), [expected]);
    assert!(behind.header("tracestate").is_empty(), "{}", behind.head());
}

#[tokio::test]
async fn a_call_replaces_a_context_header_that_was_there() {
    let Setup { client, spans, .. } = &setup();
    let behind = Downstream::answering("200 OK", "").await;
    let request = client.get(behind.url()).header("traceparent", "00-stale").header("x-own", "1");
    client.send(request).await.expect("an answer");
    let call = spans.only();
    let expected = format!("00-{}-{}-01", call.trace_id(), call.id());
    assert_eq!(behind.header("traceparent"), [expected]);
    assert_eq!(behind.header("x-own"), ["1"]);
}

#[tokio::test]
async fn an_answer_of_4xx_or_5xx_is_an_error_of_the_span_but_not_of_the_call() {
    for (line, code) in [("404 Not Found", 404), ("503 Service Unavailable", 503)] {
        let Setup { client, spans, metrics, .. } = &setup();
        let behind = Downstream::answering(line, "").await;
        let response = client.send(client.post(behind.url())).await.expect("an answer");
        assert_eq!(response.status(), code);
        let span = spans.only();
        assert_eq!(span.name, "POST");
        assert_eq!(span.description(), "", "the code explains it");
        assert_eq!(span.int("http.response.status_code"), Some(i64::from(code)));
        assert_eq!(span.text("error.type"), Some(code.to_string()));
        let point = metrics.point(DURATION);
        assert_eq!(point.label("error.type"), Some(code.to_string().as_str()));
    }
}

#[tokio::test]
async fn a_refused_connection_is_an_error_of_its_own_type() {
    let Setup { client, spans, metrics, .. } = &setup();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let result = client.send(client.get(format!("http://{address}/"))).await;
    assert!(result.is_err_and(|error| error.is_connect()));
    let span = spans.only();
    assert_eq!(span.text("error.type").as_deref(), Some("connect"));
    assert!(span.is_error() && span.value("http.response.status_code").is_none());
    let point = metrics.point(DURATION);
    assert_eq!(point.label("error.type"), Some("connect"));
    assert!(point.label("http.response.status_code").is_none());
}

#[tokio::test]
async fn signed_values_of_a_query_are_redacted_and_sent_as_they_were() {
    let Setup { client, spans, metrics, .. } = &setup();
    let behind = Downstream::answering("200 OK", "").await;
    let query = "/?sig=s3cret&a=1&X-Amz-Signature=s3cret";
    client.send(client.get(behind.url_with(query))).await.expect("an answer");
    let expected = behind.url_with(&query.replace("s3cret", "REDACTED")).to_string();
    assert_eq!(spans.only().text("url.full"), Some(expected));
    assert!(behind.head().contains("sig=s3cret"));
    assert!(!metrics.dump().contains("s3cret"));
}

#[tokio::test]
async fn credentials_of_an_address_are_redacted() {
    let Setup { client, spans, .. } = &setup();
    let behind = Downstream::answering("200 OK", "").await;
    let url = url::Url::parse(&format!("http://us3r:s3cret@{}/", behind.address)).expect("a URL");

    // reqwest's own builder makes a header of them.
    client.send(client.get(url.clone())).await.expect("an answer");
    assert_eq!(spans.only().text("url.full"), Some(behind.url().to_string()));
    assert_eq!(behind.header("authorization"), ["Basic dXMzcjpzM2NyZXQ="]);

    // A request that is built otherwise still has them in its address.
    spans.forget();
    let request = reqwest::Request::new(http::Method::GET, url);
    let sender = tls::client_for("http").build().expect("a client");
    let request = reqwest::RequestBuilder::from_parts(sender, request);
    client.send(request).await.expect("an answer");
    let expected = format!("http://REDACTED:REDACTED@{}/", behind.address);
    assert_eq!(spans.only().text("url.full"), Some(expected));
}

#[tokio::test]
async fn a_resend_is_a_span_of_its_own_that_says_which_it_is() {
    let Setup { client, spans, .. } = &setup();
    let behind = Downstream::answering("503 Busy", "").await;
    client.send(client.get(behind.url())).await.expect("an answer");
    client.resend(client.get(behind.url()), 1).await.expect("an answer");
    client.resend(client.get(behind.url()), 2).await.expect("an answer");
    let counts: Vec<_> =
        spans.all().iter().map(|span| span.int("http.request.resend_count")).collect();
    assert_eq!(counts, [None, Some(1), Some(2)]);
}

#[tokio::test]
async fn a_method_off_the_list_is_other_with_its_original() {
    let Setup { client, spans, .. } = setup();
    let behind = Downstream::answering("200 OK", "").await;
    let method = http::Method::from_bytes(b"BREW").expect("a method");
    client.send(client.request(method, behind.url())).await.expect("an answer");
    let span = spans.only();
    assert_eq!(span.name, "HTTP");
    assert_eq!(span.text("http.request.method").as_deref(), Some("_OTHER"));
    assert_eq!(span.text("http.request.method_original").as_deref(), Some("BREW"));

    spans.forget();
    let client = client.with_known_methods(KnownMethods::parse("POST"));
    client.send(client.get(behind.url())).await.expect("an answer");
    assert_eq!(spans.only().text("http.request.method").as_deref(), Some("_OTHER"));
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_ends_its_span() {
    let Setup { client, spans, metrics, .. } = &setup();
    // It accepts, and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let call = client.send(client.get(format!("http://{address}/")));
    tokio::select! {
        _ = call => panic!("nobody answered"),
        _ = listener.accept() => {}
    }
    let span = spans.only();
    assert_eq!(span.text("error.type").as_deref(), Some("cancelled"));
    assert!(span.is_error());
    assert_eq!(metrics.point(DURATION).label("error.type"), Some("cancelled"));
}

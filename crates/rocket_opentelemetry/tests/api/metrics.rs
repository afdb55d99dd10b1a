//! The HTTP server metrics: correct, bounded, and without leaks.

use std::time::Duration;

use rocket_opentelemetry::RequestTracing;

use crate::support::{SpanDataExt, TestApp, eventually};

const DURATION: &str = "http.server.request.duration";

#[tokio::test]
async fn the_duration_equals_that_of_the_span_in_seconds_and_advised_buckets() {
    let app = TestApp::new().local().await;
    app.get("/base/user/7/posts/a").await;
    let point = app.metrics.point(DURATION);
    let span = app.spans.only();
    assert_eq!(point.count, 1);
    assert!((point.sum - span.duration().as_secs_f64()).abs() < 1e-9, "{} {span:?}", point.sum);
    let bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
    assert_eq!(point.bounds, bounds);
    let bucket = bounds.iter().position(|&bound| point.sum <= bound).expect("under ten seconds");
    assert_eq!((point.buckets[bucket], point.buckets.iter().sum::<u64>()), (1, 1));
    assert_eq!(app.metrics.unit(DURATION), "s");
}

/// Both forms of a series record: CI runs this with `bound-instruments` and without.
#[tokio::test]
async fn durations_of_one_route_add_up_in_one_series() {
    let app = TestApp::new().local().await;
    for id in 0..10 {
        app.get(&format!("/base/user/{id}/posts/{id}")).await;
    }
    let point = app.metrics.point(DURATION);
    let total: Duration = app.spans.all().iter().map(SpanDataExt::duration).sum();
    assert_eq!(point.count, 10);
    assert!((point.sum - total.as_secs_f64()).abs() < 1e-7);
}

#[tokio::test]
async fn a_success_is_labelled_by_method_route_status_and_scheme_only() {
    let app = TestApp::new().local().await;
    app.get("/base/user/7/posts/a?page=1").await;
    let point = app.metrics.point(DURATION);
    let keys = ["http.request.method", "http.response.status_code", "http.route", "url.scheme"];
    assert_eq!(point.keys(), keys);
    assert_eq!(point.label("http.request.method"), Some("GET"));
    assert_eq!(point.label("http.response.status_code"), Some("200"));
    assert_eq!(point.label("http.route"), Some("/base/user/<id>/posts/<post..>"));
    assert_eq!(point.label("url.scheme"), Some("http"));
}

#[tokio::test]
async fn a_failure_is_labelled_with_its_error_type_too() {
    let app = TestApp::new().local().await;
    for (path, status, error) in [
        ("/base/fails", "503", Some("503")),
        ("/base/panics", "500", Some("panic")),
        ("/base/failing", "200", Some("body_error")),
        ("/base/closed", "401", None),
    ] {
        app.get(path).await;
        let points = app.metrics.points(DURATION);
        let point = points.iter().find(|p| p.label("http.route") == Some(path));
        let point = point.unwrap_or_else(|| panic!("no {path} in {points:?}"));
        assert_eq!(point.label("http.response.status_code"), Some(status), "{path}");
        assert_eq!(point.label("error.type"), error, "{path}");
    }
}

#[tokio::test]
async fn requests_without_a_route_are_one_series() {
    let app = TestApp::new().local().await;
    for path in ["/base/nowhere/1", "/base/nowhere/2", "/elsewhere", "/base/forwards"] {
        app.get(path).await;
    }
    let point = app.metrics.point(DURATION);
    let keys = ["http.request.method", "http.response.status_code", "url.scheme"];
    assert_eq!((point.count, point.keys()), (4, keys.to_vec()));
    assert_eq!(point.label("http.response.status_code"), Some("404"));
}

#[tokio::test]
async fn no_text_that_a_client_chooses_becomes_a_label() {
    let (server, app) = TestApp::new().launch().await;
    let marks = "User-Agent: MARK\r\nX-Forwarded-Proto: MARK\r\nX-Forwarded-Host: MARK\r\n\
                 Forwarded: proto=MARK;host=MARK\r\nX-Forwarded-For: MARK\r\n";
    for target in ["/MARK?MARK", "/base/user/1/posts/MARK?page=MARK", "http://MARK/base/plain"] {
        server.get(target, marks).await;
    }
    server.request("MARK", "/MARK", marks).await;
    server.exchange("GET /base/plain HTTP/1.1\r\nHost: MARK\r\nConnection: close\r\n\r\n").await;
    app.spans.ended_count(5).await;
    let dump = app.metrics.dump();
    assert!(dump.contains(DURATION) && !dump.to_lowercase().contains("mark"), "{dump}");
    assert!(!dump.contains("server.address") && !dump.contains("client.address"));
}

#[tokio::test]
async fn active_requests_are_counted_by_method_and_scheme_while_they_last() {
    let (server, app) = TestApp::new().launch().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.send("GET /base/gated HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        clients.push(client);
    }
    app.gate.entered.acquire_many(3).await.expect("the gate exists").forget();
    let point = app.metrics.point("http.server.active_requests");
    assert_eq!((point.count, point.keys()), (3, vec!["http.request.method", "url.scheme"]));
    assert_eq!(app.metrics.unit("http.server.active_requests"), "{request}");
    app.gate.open.add_permits(3);
    for client in clients {
        assert_eq!(client.answer().await.text(), "at last");
    }
    app.spans.ended_count(3).await;
    assert_eq!(app.metrics.active(), 0);
}

#[tokio::test]
async fn active_requests_return_to_zero_however_requests_end() {
    let (server, app) = TestApp::new().tracing(|t| t.exclude(["/base/plain"])).launch().await;
    let requests = [
        ("GET", "/base/guarded"),
        ("GET", "/base/plain"),
        ("HEAD", "/base/guarded"),
        ("GET", "/base/panics"),
        ("GET", "/base/panics-in-guard"),
        ("GET", "/base/failing"),
        ("GET", "/base/body-panics"),
        ("GET", "/base/nothing"),
        ("GET", "/nowhere"),
        ("BREW", "/"),
    ];
    for (method, target) in requests {
        server.request(method, target, "").await;
    }
    let mut client = server.connect().await;
    client.send("GET /base/endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.read_until("xxxx").await;
    drop(client);
    let servers = || app.spans.names().iter().filter(|n| n.starts_with(['G', 'H'])).count();
    eventually("all requests end", || servers() == requests.len()).await;
    let points = app.metrics.points("http.server.active_requests");
    assert!(!points.is_empty() && points.iter().all(|point| point.count == 0), "{points:?}");
}

#[tokio::test]
async fn metrics_are_recorded_without_spans_too() {
    let spans_off = opentelemetry::trace::noop::NoopTracer::new();
    let app = TestApp::new().tracing(|t: RequestTracing| t.with_tracer(spans_off)).local().await;
    app.get("/base/user/7/posts/a").await;
    let point = app.metrics.point(DURATION);
    assert_eq!(point.label("http.route"), Some("/base/user/<id>/posts/<post..>"));
    assert_eq!((point.count, app.metrics.active()), (1, 0));
}

//! The same routes with a straightforward fairing: a span from the request to the response, all
//! attributes built each time, and a histogram.

use std::sync::Mutex;
use std::time::Instant;

use bench_common::Otel;
use opentelemetry::KeyValue;
use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::metrics::Histogram;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{Span, SpanKind, Tracer};
use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::HeaderMap;
use rocket::{Data, Request, Response};

struct Naive {
    duration: Histogram<f64>,
}

struct Headers<'a>(&'a HeaderMap<'a>);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get_one(key)
    }
    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

type Kept = Mutex<Option<(BoxedSpan, Instant)>>;

#[rocket::async_trait]
impl Fairing for Naive {
    fn info(&self) -> Info {
        Info { name: "naive tracing", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        let parent = global::get_text_map_propagator(|p| p.extract(&Headers(request.headers())));
        let tracer = global::tracer("naive");
        let method = request.method().to_string();
        let path = request.uri().path().to_string();
        let span = tracer
            .span_builder(format!("{method} {path}"))
            .with_kind(SpanKind::Server)
            .with_attributes(vec![
                KeyValue::new("http.request.method", method),
                KeyValue::new("url.path", path),
                KeyValue::new("url.scheme", "http"),
                KeyValue::new(
                    "client.address",
                    request.client_ip().map_or_else(String::new, |ip| ip.to_string()),
                ),
                KeyValue::new(
                    "user_agent.original",
                    request.headers().get_one("User-Agent").unwrap_or("").to_owned(),
                ),
            ])
            .start_with_context(&tracer, &parent);
        request.local_cache(|| Kept::new(Some((span, Instant::now()))));
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let kept = request.local_cache(|| Kept::new(None)).lock().expect("no panic").take();
        let Some((mut span, started)) = kept else { return };
        let route = request.route().map_or_else(String::new, |r| r.uri.to_string());
        let status = i64::from(response.status().code);
        span.set_attribute(KeyValue::new("http.response.status_code", status));
        span.set_attribute(KeyValue::new("http.route", route.clone()));
        span.end();
        self.duration.record(
            started.elapsed().as_secs_f64(),
            &[
                KeyValue::new("http.request.method", request.method().to_string()),
                KeyValue::new("http.response.status_code", status),
                KeyValue::new("http.route", route),
                KeyValue::new("url.scheme", "http"),
            ],
        );
    }
}

#[rocket::main]
async fn main() {
    let otel = Otel::install();
    let meter = global::meter("naive");
    let duration = meter.f64_histogram("http.server.request.duration").with_unit("s").build();
    let rocket = rocket::custom(bench_rocket::figment())
        .attach(Naive { duration })
        .mount("/", bench_rocket::all());
    rocket.launch().await.expect("Rocket launches");
    otel.shutdown().await;
}

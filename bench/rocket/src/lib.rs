//! The routes of every Rocket server, with or without instrumentation: the same work, the same responses.

use bench_common::{HEALTH, port};
use opentelemetry::trace::{TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use rocket::figment::Figment;
use rocket::figment::providers::Env;
use rocket::http::{ContentType, Method};
use rocket::{Data, Request, Route, get, route, routes};

/// Rocket's defaults on the loopback address, without logs. Honours `ROCKET_WORKERS` and `ROCKET_LOG_LEVEL`.
pub fn figment() -> Figment {
    let config = rocket::Config {
        port: port(),
        log_level: rocket::config::LogLevel::Off,
        ..rocket::Config::release_default()
    };
    Figment::from(config)
        .merge(("shutdown.grace", 0))
        .merge(("shutdown.mercy", 0))
        .merge(Env::prefixed("ROCKET_").only(&["workers", "log_level"]))
}

/// `/health`, and the routes of the growth series.
pub fn all() -> Vec<Route> {
    let mut all = routes![health, spans, attributes];
    let extra = std::env::var("ROUTES").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    all.extend((0..extra).map(|n: u32| Route::new(Method::Get, &format!("/route/{n}"), Extra)));
    all
}

#[get("/health")]
async fn health() -> (ContentType, &'static str) {
    (ContentType::JSON, HEALTH)
}

/// Starts `n` spans within the request's span; a no-op without an SDK.
#[get("/spans/<n>")]
async fn spans(n: u32) -> (ContentType, &'static str) {
    let tracer = global::tracer("bench");
    for _ in 0..n {
        tracer.in_span("work", |_| ());
    }
    (ContentType::JSON, HEALTH)
}

/// Sets `n` attributes on the request's span.
#[get("/attributes/<n>")]
async fn attributes(n: u32) -> (ContentType, &'static str) {
    Context::map_current(|cx| {
        let span = cx.span();
        for value in 0..n {
            span.set_attribute(KeyValue::new("bench.attribute", i64::from(value)));
        }
    });
    (ContentType::JSON, HEALTH)
}

/// One of many routes with the response of `/health`.
#[derive(Clone)]
struct Extra;

#[rocket::async_trait]
impl route::Handler for Extra {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> route::Outcome<'r> {
        route::Outcome::from(request, (ContentType::JSON, HEALTH))
    }
}

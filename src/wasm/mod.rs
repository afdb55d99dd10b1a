//! The handlers behind `wasi:http`: the endpoints and the spans of the server, in any WASI host.
//!
//! An adapter, no second application: routes, answers, span names and attributes are the ones that
//! Rocket serves ([`handlers`](crate::handlers), [`conventions`](crate::conventions)). What is
//! missing is what a component cannot have: metrics and logs over OTLP (an instance may live for
//! one request), the recent traces, and the address of who asks.

mod export;
mod host;
mod log;
mod tracing;

use std::sync::LazyLock;

use http::request::Parts;
use opentelemetry::Context;
use opentelemetry::context::FutureExt;
use opentelemetry::global::{self, BoxedTracer};
use wstd::http::{Body, HeaderValue, Method, Request, Response, StatusCode};

use crate::handlers::routes::Endpoint;
use crate::handlers::{App, ErrorBody, Reply, sentence};
use host::WasiHost;
use tracing::Tracing;

/// Methods that the server can read; to any other it answers 400.
const READABLE: [Method; 9] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::TRACE,
    Method::CONNECT,
    Method::PATCH,
];

/// What Rocket's shield says of every answer.
const SHIELD: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("permissions-policy", "interest-cohort=()"),
];

/// Made at the first request of an instance, and kept as long as its host keeps the instance.
static SITE: LazyLock<Site> = LazyLock::new(Site::from_env);

struct Site {
    app: App<WasiHost>,
    tracing: Tracing,
}

impl Site {
    fn from_env() -> Self {
        let tracing = Tracing::from_env();
        let tracer = BoxedTracer::new(Box::new(tracing.tracer("rocket_otel_demo::handlers")));
        let host = WasiHost::from_env(&tracing);
        // Nobody has installed a provider: the instruments count nothing, at no cost.
        let meter = global::meter("rocket_otel_demo::handlers");
        let app = App::new(host, tracer, &meter, tracing.service_name());
        Self { app, tracing }
    }

    async fn reply(&self, parts: &Parts, endpoint: Option<Endpoint>) -> Reply {
        if let Some(endpoint) = endpoint {
            return self.app.answer(endpoint, parts.uri.query()).await;
        }
        let status = if READABLE.contains(&parts.method) { 404 } else { 400 };
        let error = sentence(status, None).to_owned();
        Reply::json(status, &ErrorBody { error })
    }
}

/// Answers a request. Its spans go out once the answer is on its way.
pub async fn serve(request: Request<Body>) -> Response<Body> {
    let site = &*SITE;
    let (parts, _) = request.into_parts();
    let found = Endpoint::at(parts.uri.path());
    let found = found.filter(|_| matches!(parts.method, Method::GET | Method::HEAD));
    let endpoint = found.map(|(_, endpoint)| endpoint);

    let cx: Context = site.tracing.start(&parts);
    let reply = site.reply(&parts, endpoint).with_context(cx.clone()).await;
    let status = reply.status;
    let response = response(reply, endpoint, site.tracing.traceresponse(&cx));
    let template = found.map(|(template, _)| template);
    site.tracing.end(&cx, &parts, template, status, response.headers());
    response
}

fn response(reply: Reply, endpoint: Option<Endpoint>, trace: Option<String>) -> Response<Body> {
    // Without a length the host would send the answer in chunks; to HEAD it sends no body itself.
    let length = HeaderValue::from(reply.body.len());
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("content-length", length);
    if matches!(endpoint, None | Some(Endpoint::Index)) {
        headers.insert("vary", HeaderValue::from_static("Accept"));
    }
    for (name, value) in SHIELD {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(trace) = trace.and_then(|trace| HeaderValue::try_from(trace).ok()) {
        headers.insert("traceresponse", trace);
    }
    response
}

//! The handlers behind `wasi:http`: the endpoints and the spans of the server, in any WASI host.
//!
//! An adapter, no second application: routes, answers, span names and attributes are the ones that
//! Rocket serves ([`handlers`](handlers), [`conventions`](opentelemetry_http_semconv)). What is
//! missing is what a component cannot have: metrics and logs over OTLP (an instance may live for
//! one request), the recent traces, and the address of who asks.

use std::sync::LazyLock;

use http::request::Parts;
use opentelemetry::context::FutureExt;
use opentelemetry::global;
use wstd::http::{Body, HeaderValue, Request, Response, StatusCode};

use handlers::routes::Endpoint;
use handlers::{self, App, Reply, sentence};
use opentelemetry_autoconfigure::Variables;
use opentelemetry_http_semconv::{HttpServerInstrumentation, KnownMethods};

use crate::host::{self, WasiHost};
use crate::telemetry::Instance;

/// What Rocket's shield says of every answer.
const SHIELD: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("permissions-policy", "interest-cohort=()"),
];

/// An answer, before it is handed to the host.
pub(crate) type Answer = Response<Vec<u8>>;

/// Made at the first request of an instance, and kept as long as its host keeps the instance.
static SITE: LazyLock<Site> = LazyLock::new(Site::from_env);

struct Site {
    telemetry: Instance,
    spans: HttpServerInstrumentation,
    app: App<WasiHost>,
}

impl Site {
    fn from_env() -> Self {
        let telemetry = Instance::from_variables(&Variables::from_process());
        telemetry.install();
        let trust = std::env::var("TRUST_FORWARDED_HEADERS").unwrap_or_default();
        let trust = match trust.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "" | "false" | "0" | "no" | "off" => false,
            _ => {
                log::warn!(
                    "no forwarded header is believed: TRUST_FORWARDED_HEADERS takes true or false"
                );
                false
            }
        };
        let host = WasiHost::from_env(telemetry.client_spans());
        // Nobody has installed a provider: the instruments count nothing, at no cost.
        let meter = global::meter_with_scope(handlers::scope());
        let tracer = telemetry.tracer(handlers::scope());
        let app = App::new(host, tracer, &meter, telemetry.config().service_name.as_str());
        Self { spans: telemetry.server_spans(trust), app, telemetry }
    }

    async fn answer(&self, parts: &Parts, endpoint: Option<Endpoint>) -> Answer {
        #[cfg(feature = "pages")]
        if let Some(page) = crate::page::page(parts, endpoint, &self.telemetry) {
            return page;
        }
        if let Some(endpoint) = endpoint {
            return json(self.app.answer(endpoint, parts.uri.query()).await);
        }
        failure(if KnownMethods::default().contains(parts.method.as_str()) { 404 } else { 400 })
    }
}

/// Answers a request. Its spans go out once the answer is on its way.
pub async fn serve(request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    #[cfg(feature = "pages")]
    if let Some(file) = crate::page::file(&parts) {
        return finished(file);
    }
    let site = &*SITE;
    let found = Endpoint::asked(parts.method.as_str(), parts.uri.path());
    let (template, endpoint) = found.unzip();

    let cx = site.spans.start(&parts);
    let mut answer = site.answer(&parts, endpoint).with_context(cx.clone()).await;
    if matches!(endpoint, None | Some(Endpoint::Index)) {
        set(&mut answer, "vary", "Accept");
    }
    site.spans.end(&cx, &parts, template, &mut answer);
    // In a task of its own: the host gets the answer first, and keeps the instance until it is done.
    wstd::runtime::spawn(site.telemetry.export(host::post)).detach();
    finished(answer)
}

pub(crate) fn failure(status: u16) -> Answer {
    json(Reply::error(status, sentence(status, None)))
}

fn json(reply: Reply) -> Answer {
    let mut answer = Response::new(reply.body);
    *answer.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    set(&mut answer, "content-type", "application/json");
    answer
}

pub(crate) fn set(answer: &mut Answer, name: &'static str, value: &'static str) {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
}

fn finished(mut answer: Answer) -> Response<Body> {
    // Without a length the host would send the answer in chunks; to HEAD it sends no body itself.
    let length = HeaderValue::from(answer.body().len());
    answer.headers_mut().insert("content-length", length);
    for (name, value) in SHIELD {
        set(&mut answer, name, value);
    }
    answer.map(Body::from)
}

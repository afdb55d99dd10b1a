//! A request from its span's start to its export.

use std::sync::LazyLock;

use handlers::Demo;
use http::request::Parts;
use opentelemetry::context::FutureExt;
use opentelemetry::global;
use opentelemetry_autoconfigure::Variables;
use opentelemetry_http_semconv::{HttpServerInstrumentation, KnownMethods};
use wstd::http::{Body, Method, Request, Response};

use crate::platform::{self, WasiPlatform};
use crate::response::{Answer, error, failure, finish, json, set};
use crate::router::{Endpoint, hops, match_path};
use crate::telemetry::Instance;

/// Built at the first request of an instance, and kept as long as the host keeps the instance.
static SERVER: LazyLock<Server> = LazyLock::new(Server::from_env);

struct Server {
    telemetry: Instance,
    spans: HttpServerInstrumentation,
    demo: Demo<WasiPlatform>,
}

impl Server {
    fn from_env() -> Self {
        let telemetry = Instance::from_variables(&Variables::from_process());
        telemetry.install();
        let platform = WasiPlatform::from_env(telemetry.client_spans());
        // No meter provider is installed: the instruments record nothing, at no cost.
        let meter = global::meter_with_scope(handlers::scope());
        let tracer = telemetry.tracer(handlers::scope());
        let demo = Demo::new(platform, tracer, &meter, telemetry.config().service_name.as_str());
        Self { spans: telemetry.server_spans(trust_forwarded()), demo, telemetry }
    }

    async fn answer(&self, parts: &Parts, endpoint: Option<Endpoint>) -> Answer {
        #[cfg(feature = "pages")]
        if let Some(page) = crate::pages::page(parts, endpoint, &self.telemetry) {
            return page;
        }
        let demo = &self.demo;
        match endpoint {
            Some(Endpoint::Index) => json(200, &demo.index().await),
            Some(Endpoint::Users) => json(200, &demo.users().await),
            Some(Endpoint::Process) => json(200, &demo.process().await),
            Some(Endpoint::Error) => error(demo.error().await),
            Some(Endpoint::Health) => json(200, &demo.health().await),
            Some(Endpoint::Chain) => match demo.chain(hops(parts.uri.query())).await {
                Ok(chain) => json(200, &chain),
                Err(failed) => error(failed),
            },
            None => failure(if KnownMethods::default().contains(parts.method.as_str()) {
                404
            } else {
                400
            }),
        }
    }
}

/// Whether `TRUST_FORWARDED_HEADERS` enables trust in a proxy's headers.
fn trust_forwarded() -> bool {
    let text = std::env::var("TRUST_FORWARDED_HEADERS").unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => return true,
        "" | "false" | "0" | "no" | "off" => {}
        _ => log::warn!("invalid TRUST_FORWARDED_HEADERS={text:?}: expected true or false"),
    }
    false
}

/// Answers a request, and exports its spans after the answer has been sent.
pub async fn serve(request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    #[cfg(feature = "pages")]
    if let Some(file) = crate::pages::file(&parts.uri).filter(|_| is_read) {
        return finish(file);
    }
    let server = &*SERVER;
    let (route, endpoint) = match_path(parts.uri.path()).filter(|_| is_read).unzip();

    let cx = server.spans.start(&parts);
    let mut answer = server.answer(&parts, endpoint).with_context(cx.clone()).await;
    if matches!(endpoint, None | Some(Endpoint::Index)) {
        set(&mut answer, "vary", "Accept");
    }
    server.spans.end(&cx, &parts, route, &mut answer);
    // In a task of its own: the host sends the answer first, and keeps the instance until it ends.
    wstd::runtime::spawn(server.telemetry.export(platform::post)).detach();
    finish(answer)
}

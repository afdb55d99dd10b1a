//! The Rocket application: [`build`] puts it together, [`serve`](serve::serve) runs it.

use std::sync::Arc;

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::noop::NoopTracer;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::{Build, Rocket};
use rocket_dyn_templates::Template;
use url::Url;

use crate::platform::NativeHost;
use crate::recent_traces::{Observed, RecentTracesLimits};
use crate::routes::App;
use crate::{assets, catchers, pages, routes, traces};
use handlers;
use opentelemetry_autoconfigure::{Defaults, Telemetry};
use rocket_opentelemetry::{RequestTracing, TracedClient, traced};

/// What the telemetry reports as, and how, unless a variable says otherwise.
#[must_use]
pub fn telemetry_defaults() -> Defaults {
    Defaults {
        service_name: "rocket-demo-app".to_owned(),
        service_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..Defaults::default()
    }
}

/// What the application is built from, beyond Rocket's configuration and the telemetry.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The service that `/api/chain` calls; this one itself if there is none.
    pub downstream: Option<Url>,
    /// The Jaeger UI that the page links to.
    pub jaeger_ui: Option<Url>,
    /// Whether `Forwarded` and `X-Forwarded-*` are believed.
    pub trust_forwarded: bool,
    /// How much the store of recent traces keeps.
    pub recent_traces: RecentTracesLimits,
}

/// The whole application: every mount and fairing is in sight here.
///
/// # Errors
/// The HTTP client for downstream calls cannot be set up.
pub fn build(
    figment: Figment,
    observed: Arc<Observed>,
    settings: &Settings,
) -> anyhow::Result<Rocket<Build>> {
    let telemetry = observed.telemetry.clone();
    let figment = figment.merge(("template_dir", assets::template_dir()));
    let jaeger_ui = settings.jaeger_ui.as_ref().map(Url::to_string);
    Ok(rocket::custom(figment)
        .attach(tracing(&telemetry, settings))
        .attach(Template::try_custom(assets::load))
        .attach(call_itself())
        .manage(app(&telemetry, settings)?)
        .manage(pages::Page::new(observed.clone(), jaeger_ui))
        .manage(observed)
        .mount("/", traced(routes::all()))
        .mount("/", traces::all())
        .mount("/", assets::all())
        .register("/", traced(catchers::all())))
}

fn tracing(telemetry: &Telemetry, settings: &Settings) -> RequestTracing {
    let config = telemetry.config();
    let tracing = RequestTracing::new()
        .with_tracer(telemetry.tracer(RequestTracing::scope()))
        .with_meter(telemetry.meter(RequestTracing::scope()))
        .with_propagator(telemetry.propagator())
        // None of the samplers that OTEL_TRACES_SAMPLER names looks at attributes.
        .defer_attributes()
        .with_known_methods(config.known_methods.clone())
        .trust_forwarded(settings.trust_forwarded)
        .capture_request_headers(&config.request_headers)
        .capture_response_headers(&config.response_headers)
        .exclude(traces::UNTRACED);
    if config.disabled { tracing.propagate_only() } else { tracing }
}

fn app(telemetry: &Telemetry, settings: &Settings) -> anyhow::Result<App> {
    let client = TracedClient::new(NativeHost::client(settings.downstream.as_ref())?)
        .with_meter(&telemetry.meter(RequestTracing::scope()))
        .with_propagator(telemetry.propagator())
        .with_known_methods(telemetry.config().known_methods.clone());
    // A tracer of a disabled SDK would put ids of its own in place of the caller's. The API's
    // hands on what came.
    let (client, tracer) = if telemetry.config().disabled {
        let none = BoxedTracer::new(Box::new(NoopTracer::new()));
        (client.with_tracer(NoopTracer::new()), none)
    } else {
        let tracer = BoxedTracer::new(Box::new(telemetry.tracer(handlers::scope())));
        (client.with_tracer(telemetry.tracer(RequestTracing::scope())), tracer)
    };
    let host = NativeHost::new(client, settings.downstream.clone());
    let meter = telemetry.meter(handlers::scope());
    Ok(App::new(host, tracer, &meter, telemetry.config().service_name.clone()))
}

fn call_itself() -> AdHoc {
    AdHoc::on_liftoff("Downstream", |rocket| {
        Box::pin(async move {
            if let Some(app) = rocket.state::<App>() {
                app.host().call_itself(rocket.config().address, rocket.config().port);
            }
        })
    })
}

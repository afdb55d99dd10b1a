//! The Rocket application: [`build`] has every mount and fairing in sight.

use clap::Args;
use clap::builder::BoolishValueParser;
use handlers::scope;
use opentelemetry::InstrumentationScope;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::noop::NoopTracer;
use opentelemetry_autoconfigure::{Defaults, Telemetry};
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::{Build, Rocket};
use rocket_dyn_templates::Template;
use rocket_opentelemetry::{RequestTracing, TracedClient, traced};
use runner::options::{described, http_url};
use url::Url;

use crate::dashboard::Dashboard;
use crate::platform::NativePlatform;
use crate::recent_traces::RecentTracesLimits;
use crate::routes::Demo;
use crate::{assets, catchers, routes, traces};

/// The service's name and version, unless a variable sets them.
#[must_use]
pub fn telemetry_defaults() -> Defaults {
    Defaults {
        service_name: "rocket-demo-app".to_owned(),
        service_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..Defaults::default()
    }
}

/// The application's own settings. A field's doc comment is its `--help`.
#[allow(clippy::doc_markdown, reason = "clap prints these comments as they are")]
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// Service that /api/chain calls [default: this server]
    #[arg(long = "downstream-url", env = "DOWNSTREAM_URL", value_name = "URL",
          value_parser = http_url("http://localhost:8001"))]
    pub downstream: Option<Url>,

    /// Jaeger UI that the page links its traces to, such as http://localhost:16686
    #[arg(long = "jaeger-ui-url", env = "JAEGER_UI_URL", value_name = "URL",
          value_parser = http_url("http://localhost:16686"))]
    pub jaeger_ui: Option<Url>,

    /// Trust Forwarded and X-Forwarded-* headers; safe only behind a proxy that sets them
    #[arg(long, env = "TRUST_FORWARDED_HEADERS",
          value_parser = described("true or false", BoolishValueParser::new()))]
    pub trust_forwarded: bool,

    /// Bounds of the recent traces.
    #[command(flatten)]
    pub recent_traces: RecentTracesLimits,
}

/// Builds the application, which reports to the dashboard's telemetry.
///
/// # Errors
/// The HTTP client for downstream calls cannot be set up.
pub fn build(
    figment: Figment,
    dashboard: Dashboard,
    settings: &Settings,
) -> anyhow::Result<Rocket<Build>> {
    let telemetry = dashboard.telemetry();
    Ok(rocket::custom(figment.merge(("template_dir", assets::template_dir())))
        .attach(request_tracing(telemetry, settings))
        .attach(Template::try_custom(assets::load_templates))
        .attach(call_itself())
        .manage(demo(telemetry, settings)?)
        .manage(dashboard)
        .mount("/", traced(routes::all()))
        .mount("/", traces::all())
        .mount("/", assets::all())
        .register("/", traced(catchers::all())))
}

fn request_tracing(telemetry: &Telemetry, settings: &Settings) -> RequestTracing {
    let config = telemetry.config();
    let tracing = RequestTracing::new()
        .with_tracer(telemetry.tracer(RequestTracing::scope()))
        .with_meter(telemetry.meter(RequestTracing::scope()))
        .with_propagator(telemetry.propagator())
        // No sampler that OTEL_TRACES_SAMPLER can name reads attributes.
        .defer_attributes()
        .with_known_methods(config.known_methods.clone())
        .trust_forwarded(settings.trust_forwarded)
        .capture_request_headers(&config.request_headers)
        .capture_response_headers(&config.response_headers)
        .exclude(traces::UNTRACED);
    if config.disabled { tracing.propagate_only() } else { tracing }
}

fn demo(telemetry: &Telemetry, settings: &Settings) -> anyhow::Result<Demo> {
    let config = telemetry.config();
    let client = TracedClient::new(NativePlatform::client(settings.downstream.as_ref())?)
        .with_tracer(tracer(telemetry, RequestTracing::scope()))
        .with_meter(&telemetry.meter(RequestTracing::scope()))
        .with_propagator(telemetry.propagator())
        .with_known_methods(config.known_methods.clone());
    let platform = NativePlatform::new(client, settings.downstream.clone());
    let (tracer, meter) = (tracer(telemetry, scope()), telemetry.meter(scope()));
    Ok(Demo::new(platform, tracer, &meter, config.service_name.clone()))
}

/// A tracer of the SDK. If it is disabled, one of the API: that propagates the caller's ids, which
/// the SDK's replaces.
fn tracer(telemetry: &Telemetry, scope: InstrumentationScope) -> BoxedTracer {
    BoxedTracer::new(if telemetry.config().disabled {
        Box::new(NoopTracer::new())
    } else {
        Box::new(telemetry.tracer(scope))
    })
}

/// Makes the server its own downstream service once its port is known.
fn call_itself() -> AdHoc {
    AdHoc::on_liftoff("Downstream", |rocket| {
        Box::pin(async move {
            if let Some(demo) = rocket.state::<Demo>() {
                demo.platform().call_itself(rocket.config().address, rocket.config().port);
            }
        })
    })
}

//! An application with one route, instrumented or not, and its telemetry.

use std::sync::Arc;

use opentelemetry_autoconfigure::{Config, Telemetry, Variables};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use rocket::http::{ContentType, Header};
use rocket::local::blocking::{Client, LocalRequest};
use rocket::{get, routes};
use rocket_opentelemetry::{RequestTracing, traced};

#[get("/health")]
fn health() -> (ContentType, &'static str) {
    (ContentType::JSON, r#"{"status":"healthy"}"#)
}

/// The ways to serve the same request that are measured.
pub(crate) const MODES: [&str; 4] = ["bare", "disabled", "sampled-out", "full"];

/// Telemetry by these variables. Metrics aggregate as they do for a collector, although there is
/// none: nothing is exported before the end.
pub(crate) fn telemetry(variables: &[(&str, &str)]) -> Arc<Telemetry> {
    let quiet = [
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
    ];
    let variables: Variables = quiet.iter().chain(variables).copied().collect();
    let config = Config::from_variables(&variables).expect("the variables are valid");
    Arc::new(Telemetry::build(config).expect("telemetry can be built"))
}

/// A client of the application in a mode, and the telemetry, which has to live as long.
pub(crate) fn client(mode: &str) -> (Client, Option<Arc<Telemetry>>) {
    let config = rocket::Config {
        log_level: rocket::config::LogLevel::Off,
        ..rocket::Config::release_default()
    };
    let rocket = rocket::custom(config);
    let (rocket, telemetry) = if mode == "bare" {
        (rocket.mount("/", routes![health]), None)
    } else {
        let telemetry = telemetry(match mode {
            "disabled" => &[("OTEL_SDK_DISABLED", "true")],
            "sampled-out" => &[("OTEL_TRACES_SAMPLER", "always_off")],
            _ => &[],
        });
        let tracing = RequestTracing::new()
            .with_tracer(telemetry.tracer(RequestTracing::scope()))
            .with_meter(telemetry.meter(RequestTracing::scope()))
            .with_propagator(telemetry.propagator())
            .defer_attributes();
        let tracing = if mode == "disabled" { tracing.propagate_only() } else { tracing };
        (rocket.attach(tracing).mount("/", traced(routes![health])), Some(telemetry))
    };
    (Client::untracked(rocket).expect("Rocket ignites"), telemetry)
}

/// A request as a load generator or a browser sends it.
pub(crate) fn request<'c>(client: &'c Client, path: &'c str) -> LocalRequest<'c> {
    client
        .get(path)
        .remote(([127, 0, 0, 1], 4711).into())
        .header(Header::new("Host", "127.0.0.1:8000"))
        .header(Header::new("User-Agent", "bench/1.0"))
}

/// Encodes spans by the functions that the OTLP exporter calls, with the copy that it makes.
pub(crate) fn encode(resource: &Resource, spans: &[SpanData]) -> Vec<u8> {
    let resource_spans = group_spans_by_resource_and_scope(spans.to_vec(), &resource.into());
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

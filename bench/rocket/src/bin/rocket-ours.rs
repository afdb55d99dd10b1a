//! The same routes with rocket_opentelemetry and opentelemetry-autoconfigure.

use std::sync::Arc;

use opentelemetry_autoconfigure::{Config, Telemetry, Variables};
use rocket_opentelemetry::{RequestTracing, traced};

fn main() -> anyhow::Result<()> {
    let config = Config::from_variables(&Variables::from_process())?;
    let telemetry = Arc::new(Telemetry::build(config)?);
    // Without the logger: the lines that Rocket logs for each request are not what is compared.
    telemetry.install_providers();
    telemetry.install_propagator();
    let scope = RequestTracing::scope;
    let tracing = RequestTracing::new()
        .with_tracer(telemetry.tracer(scope()))
        .with_meter(telemetry.meter(scope()))
        .with_propagator(telemetry.propagator())
        .defer_attributes();
    let disabled = telemetry.config().disabled;
    let tracing = if disabled { tracing.propagate_only() } else { tracing };
    let launched = rocket::execute(async {
        let rocket = rocket::custom(bench_rocket::figment())
            .attach(tracing)
            .mount("/", traced(bench_rocket::all()));
        rocket.launch().await.map(drop).map_err(|error| anyhow::anyhow!("{error}"))
    });
    for status in telemetry.shutdown() {
        eprintln!("{} exported {} dropped {}", status.signal, status.exported, status.dropped);
    }
    launched
}

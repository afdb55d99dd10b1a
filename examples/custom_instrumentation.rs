//! Instrumentation of your own service: a span, attributes, an event and a gauge.
//!
//! `cargo run --example custom_instrumentation`, then `curl localhost:8001/orders/7` prints the
//! spans on standard output.

use std::time::Duration;

use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_autoconfigure::{Config, Telemetry, Variables};
use rocket::{get, routes};
use rocket_opentelemetry::{RequestTracing, traced};

// ANCHOR: handler
#[get("/orders/<id>")]
async fn order(id: u64) -> String {
    let tracer = global::tracer("shop");

    // A span around a piece of work, with the attributes that are known when it starts. It is a
    // child of the request's span, which `traced` has made current.
    let span = tracer
        .span_builder("load_order")
        .with_attributes([KeyValue::new("order.id", id.cast_signed())])
        .start(&tracer);
    let cx = Context::current_with_span(span);

    let items = load_items().with_context(cx.clone()).await;

    // An attribute that is known only now, and an event: something that happens at one moment.
    cx.span().set_attribute(KeyValue::new("order.items", items.cast_signed()));
    cx.span().add_event("order loaded", vec![KeyValue::new("cache.hit", false)]);
    cx.span().end();

    // A gauge. A service creates its instruments once and keeps them: see handlers/metrics.rs.
    global::meter("shop").u64_gauge("shop.order.items").build().record(items, &[]);
    format!("order {id}: {items} items\n")
}
// ANCHOR_END: handler

async fn load_items() -> u64 {
    rocket::tokio::time::sleep(Duration::from_millis(20)).await;
    3
}

#[rocket::main]
async fn main() -> anyhow::Result<()> {
    // On standard output, unless OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER are set.
    let mut variables = Variables::from_process();
    variables.set_default("OTEL_TRACES_EXPORTER", "console");
    variables.set_default("OTEL_METRICS_EXPORTER", "console");
    let telemetry = Telemetry::build(Config::from_variables(&variables)?)?;
    telemetry.install()?;

    // ANCHOR: rocket
    let rocket = rocket::build().attach(RequestTracing::new()).mount("/", traced(routes![order]));
    // ANCHOR_END: rocket
    let launched = rocket.configure(rocket::Config::figment().merge(("port", 8001))).launch().await;

    // The last request has ended: export what is queued, even if the launch failed.
    rocket::tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    launched?;
    Ok(())
}

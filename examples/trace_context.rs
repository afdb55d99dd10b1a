//! A service under test for the W3C's trace-context validation harness
//! (<https://github.com/w3c/trace-context/tree/main/test>).
//!
//! `cargo run --example trace_context`, then `python3 test.py http://127.0.0.1:5000/test` in the
//! harness's folder. The body of `POST /test` is a JSON array of `{"url", "arguments"}`. The service
//! calls each URL in turn with its arguments as the body, in the context of the request. It calls
//! any URL that a request names, so it listens on loopback only.

use std::net::Ipv4Addr;

use opentelemetry_autoconfigure::{Config, Telemetry, Variables};
use rocket::http::Status;
use rocket::serde::json::{Json, Value};
use rocket::{State, post, routes};
use rocket_opentelemetry::{RequestTracing, TracedClient, traced};
use rocket_otel_demo::tls;
use serde::Deserialize;

#[derive(Deserialize)]
struct Call {
    url: String,
    arguments: Value,
}

#[post("/test", data = "<calls>")]
async fn test(client: &State<TracedClient>, calls: Json<Vec<Call>>) -> Status {
    for call in calls.into_inner() {
        let request = client.post(&call.url).json(&call.arguments);
        if let Err(error) = client.send(request).await {
            log::warn!("{}: {error}", call.url);
            return Status::BadGateway;
        }
    }
    Status::Ok
}

#[rocket::main]
async fn main() -> anyhow::Result<()> {
    let mut variables = Variables::from_process();
    for signal in ["OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"] {
        variables.set_default(signal, "none");
    }
    let telemetry = Telemetry::build(Config::from_variables(&variables)?)?;
    telemetry.install()?;

    let figment = rocket::Config::figment()
        .merge(("port", 5000))
        .merge(rocket::figment::providers::Env::prefixed("ROCKET_").only(&["port"]))
        .merge(("address", Ipv4Addr::LOCALHOST));
    let client = tls::client_for("http").no_proxy().build()?;
    let launched = rocket::custom(figment)
        .attach(RequestTracing::new())
        .manage(TracedClient::new(client))
        .mount("/", traced(routes![test]))
        .launch()
        .await;
    rocket::tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    launched?;
    Ok(())
}

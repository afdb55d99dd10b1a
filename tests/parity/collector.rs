//! A component under load with a dead or a hanging collector: it must answer every request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket_otel_demo::tls;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};

use super::servers::{Kind, Server};
use otlp_receiver::{Behaviour, Receiver, Signal};

/// Requests a second to a host that runs instances in parallel, and to one that does not.
const RATES: (u32, u32) = (1_000, 20);

/// Duration in seconds, unless `COLLECTOR_SECONDS` sets it.
const SECONDS: u32 = 5;

/// Maximum requests in flight: a busy machine does not reach the rate, and wasmtime has room for 333
/// instances.
const MAX_IN_FLIGHT: usize = 100;

#[test]
fn a_dead_or_hanging_collector_costs_no_answer() {
    let Some(kind) = Kind::component() else {
        println!("skipped: COMPONENT_WASM and COMPONENT_HOST name no component");
        return;
    };
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let mut lost = Vec::new();
    for collector in ["live", "hanging", "dead"] {
        match collector {
            "live" => receiver.set(Behaviour::Accept),
            "hanging" => receiver.set(Behaviour::Hang),
            _ => receiver.stop(),
        }
        // A new server, because the circuit breaker of the previous one knows the collector.
        let server = Server::start(&kind, &variables);
        receiver.clear();
        let load = Load::run(&kind, &server);
        let seen = if collector == "dead" { 0 } else { receiver.request_count(Signal::Traces) };
        println!(
            "{kind:?}, collector {collector}: {load:?}, {} spans kept, {seen} exports seen",
            receiver.spans().len()
        );
        if load.answered < load.asked {
            lost.push(format!("{collector}: {load:?}\n{}", server.output()));
        }
    }
    assert!(lost.is_empty(), "answers were lost\n{}", lost.join("\n"));
}

/// The result of the load.
#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
struct Load {
    asked: usize,
    answered: usize,
    took: Duration,
    median: Duration,
    p99: Duration,
    slowest: Duration,
}

impl Load {
    fn run(kind: &Kind, server: &Server) -> Self {
        let rate = if kind.is_parallel() { RATES.0 } else { RATES.1 };
        let seconds = std::env::var("COLLECTOR_SECONDS").ok().and_then(|text| text.parse().ok());
        let asked = rate * seconds.unwrap_or(SECONDS);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("a runtime").block_on(send(format!("{}/", server.url()), rate, asked))
    }
}

async fn send(url: String, rate: u32, asked: u32) -> Load {
    let client = tls::client_for("http").no_proxy().timeout(Duration::from_secs(30));
    let client = client.build().expect("a client");
    let in_flight = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let started = Instant::now();
    let mut requests = Vec::new();
    for _ in 0..asked {
        ticks.tick().await;
        let permit = in_flight.clone().acquire_owned().await.expect("it stays open");
        let request = client.get(&url).send();
        requests.push(tokio::spawn(async move {
            let started = Instant::now();
            let answer = async { request.await?.error_for_status()?.bytes().await }.await;
            drop(permit);
            answer.ok().map(|_| started.elapsed())
        }));
    }
    let mut times = Vec::new();
    for request in requests {
        times.extend(request.await.expect("it does not panic"));
    }
    times.sort();
    let part = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    Load {
        asked: asked as usize,
        answered: times.len(),
        took: started.elapsed(),
        median: part(50),
        p99: part(99),
        slowest: times.last().copied().unwrap_or_default(),
    }
}

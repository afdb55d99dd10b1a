//! A collector that is dead or hangs, behind a component under load: no answer may be lost to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket_otel_demo::tls;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};

use super::servers::{Kind, Server};
use otlp_receiver::{Behaviour, Receiver, Signal};

/// Requests a second to a host that answers side by side, and to one that answers one by one.
const RATES: (u32, u32) = (1_000, 20);

/// How long, in seconds, where `COLLECTOR_SECONDS` does not say.
const SECONDS: u32 = 5;

/// Requests that are under way at once, at the most: on a busy machine the rate is not reached, and
/// wasmtime has room for 333 instances.
const AT_ONCE: usize = 100;

#[test]
fn no_answer_is_lost_to_a_collector_that_is_dead_or_hangs() {
    let Some(kind) = Kind::component() else {
        println!("no component here: COMPONENT_WASM and COMPONENT_HOST name none");
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
        // A server of its own: what it has learnt of the collector before must not help it.
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

/// What became of the requests.
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
    let under_way = Arc::new(Semaphore::new(AT_ONCE));
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let started = Instant::now();
    let mut requests = Vec::new();
    for _ in 0..asked {
        ticks.tick().await;
        let permit = under_way.clone().acquire_owned().await.expect("it is never closed");
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

//! Load: a fixed number of workers, each with one request in flight.
//!
//! A closed loop waits for a slow server, so its latencies flatter a server that stalls. Use a
//! constant rate, as `bench/` does, to find a server's limits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use reqwest::Client;
use serde::Serialize;
use tokio::task::JoinSet;

use super::functional::root_cause;
use super::plan;

/// The longest recorded latency, in microseconds: a minute exceeds every timeout here.
const LONGEST: u64 = 60_000_000;
/// Significant digits of recorded latencies.
const DIGITS: u8 = 3;

/// The amount of load, and its result.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) requests: u32,
    pub(super) workers: u32,
    /// Responses other than 200, and requests without a response.
    pub(super) errors: u32,
    pub(super) seconds: f64,
    pub(super) requests_per_second: f64,
    pub(super) latency_ms: Percentiles,
    /// One line per kind of error.
    pub(super) problems: Vec<String>,
}

/// Latencies of responses, to the last byte of the body.
#[derive(Debug, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// Sends `requests` requests, at most `workers` concurrently, and advances `bar` with each.
pub(super) async fn run(
    client: &Client,
    base_url: &str,
    requests: u32,
    workers: u32,
    bar: &ProgressBar,
) -> anyhow::Result<Figures> {
    let next = Arc::new(AtomicU32::new(0));
    let total = Arc::new(Mutex::new(Tally::new()?));
    let started = Instant::now();
    let workers_running: JoinSet<()> = (0..workers.min(requests))
        .map(|_| {
            let (client, base_url, bar) = (client.clone(), base_url.to_owned(), bar.clone());
            let (next, total) = (Arc::clone(&next), Arc::clone(&total));
            async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        break;
                    }
                    // In turn, so that every run has the same requests.
                    let target = plan::LOAD[number as usize % plan::LOAD.len()];
                    let sent = Instant::now();
                    let result = request(&client, format!("{base_url}{target}")).await;
                    lock(&total).add(target, result, sent.elapsed());
                    bar.inc(1);
                }
            }
        })
        .collect();
    workers_running.join_all().await;
    let figures = lock(&total).figures(requests, workers, started.elapsed());
    Ok(figures)
}

async fn request(client: &Client, url: String) -> reqwest::Result<u16> {
    let response = client.get(url).send().await?;
    let status = response.status().as_u16();
    response.bytes().await?;
    Ok(status)
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The results of all workers.
struct Tally {
    latencies: Histogram<u64>,
    errors: BTreeMap<String, u32>,
}

impl Tally {
    fn new() -> anyhow::Result<Self> {
        // With bounds: a histogram that resizes saturates at its current size.
        let latencies = Histogram::new_with_bounds(1, LONGEST, DIGITS)
            .context("no histogram for the latencies")?;
        Ok(Self { latencies, errors: BTreeMap::new() })
    }

    fn add(&mut self, target: &str, result: reqwest::Result<u16>, latency: Duration) {
        if result.is_ok() {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            self.latencies.saturating_record(micros);
        }
        let problem = match result {
            Ok(200) => return,
            Ok(status) => format!("status {status}, expected 200"),
            Err(error) => format!("no response: {}", root_cause(error)),
        };
        *self.errors.entry(format!("GET {target}: {problem}")).or_default() += 1;
    }

    fn figures(&self, requests: u32, workers: u32, elapsed: Duration) -> Figures {
        let milliseconds = |micros| Duration::from_micros(micros).as_secs_f64() * 1000.0;
        let quantile = |quantile| milliseconds(self.latencies.value_at_quantile(quantile));
        Figures {
            requests,
            workers,
            errors: self.errors.values().sum(),
            seconds: elapsed.as_secs_f64(),
            requests_per_second: f64::from(requests) / elapsed.as_secs_f64(),
            latency_ms: Percentiles {
                p50: quantile(0.50),
                p95: quantile(0.95),
                p99: quantile(0.99),
                max: milliseconds(self.latencies.max()),
            },
            problems: self
                .errors
                .iter()
                .map(|(problem, count)| format!("{problem} ({count} of {requests})"))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::testing::{client, serve};

    #[test]
    fn percentiles_are_those_of_all_workers_together() {
        let mut total = Tally::new().expect("valid bounds");
        (1..=100).for_each(|n| total.add("/", Ok(200), Duration::from_millis(n)));
        let figures = total.figures(100, 2, Duration::from_secs(4));
        assert!((figures.requests_per_second - 25.0).abs() < 1e-9);
        let Percentiles { p50, p95, p99, max } = figures.latency_ms;
        for (found, expected) in [(p50, 50.0), (p95, 95.0), (p99, 99.0), (max, 100.0)] {
            assert!((found - expected).abs() < 0.2, "{found} is not about {expected}");
        }
    }

    #[tokio::test]
    async fn every_request_is_sent_and_as_many_are_in_flight_as_there_are_workers() {
        const DELAY: Duration = Duration::from_millis(50);
        let arrivals = Arc::<Mutex<Vec<Instant>>>::default();
        let seen = Arc::clone(&arrivals);
        let server = serve(move |_: &wiremock::Request| {
            seen.lock().expect("not poisoned").push(Instant::now());
            ResponseTemplate::new(200).set_delay(DELAY)
        })
        .await;
        let bar = ProgressBar::hidden();
        let figures = run(&client(), &server.uri(), 20, 4, &bar).await.expect("a run");
        assert_eq!((figures.requests, figures.errors), (20, 0));
        assert!(figures.latency_ms.p50 >= 50.0, "{figures:?}");
        let arrivals = arrivals.lock().expect("not poisoned");
        assert_eq!(arrivals.len(), 20);
        let after = |workers: usize| arrivals.windows(workers + 1).map(move |w| w[workers] - w[0]);
        assert!(after(4).all(|pause| pause >= DELAY), "more requests than workers");
        assert!(after(3).any(|pause| pause < DELAY), "fewer requests than workers");
    }
}

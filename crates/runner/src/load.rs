//! Load: a fixed number of workers, each with one request in flight.
//!
//! A closed loop waits for a slow server, so its latencies flatter a server that stalls. Use a
//! constant rate, as `bench/` does, to find a server's limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use reqwest::Client;
use serde::Serialize;
use tokio::task::JoinSet;

use super::base_url::BaseUrl;
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
    base_url: &BaseUrl,
    requests: u32,
    workers: u32,
    bar: &ProgressBar,
) -> anyhow::Result<Figures> {
    let next = Arc::new(AtomicU32::new(0));
    let mut running = JoinSet::new();
    let started = Instant::now();
    for _ in 0..workers.min(requests) {
        let worker = Worker {
            client: client.clone(),
            base_url: base_url.clone(),
            next: Arc::clone(&next),
            requests,
            bar: bar.clone(),
            tally: Tally::new()?,
        };
        running.spawn(worker.run());
    }
    let mut total = Tally::new()?;
    while let Some(tally) = running.join_next().await {
        total.add(tally.context("a load worker failed")?)?;
    }
    Ok(total.figures(requests, workers, started.elapsed()))
}

struct Worker {
    client: Client,
    base_url: BaseUrl,
    /// The number of the next request, for all workers.
    next: Arc<AtomicU32>,
    requests: u32,
    bar: ProgressBar,
    tally: Tally,
}

impl Worker {
    async fn run(mut self) -> Tally {
        loop {
            // Exceeds `requests` by one per worker; the options' limits rule out an overflow.
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests {
                return self.tally;
            }
            // In turn, so that every run has the same requests.
            let target = plan::LOAD[number as usize % plan::LOAD.len()];
            let started = Instant::now();
            match self.request(target).await {
                Ok(200) => self.tally.response(started.elapsed()),
                Ok(status) => {
                    self.tally.response(started.elapsed());
                    self.tally.error(format!("GET {target}: status {status}, expected 200"));
                }
                Err(error) => {
                    self.tally.error(format!("GET {target}: no response: {}", root_cause(error)));
                }
            }
            self.bar.inc(1);
        }
    }

    async fn request(&self, target: &str) -> reqwest::Result<u16> {
        let response = self.client.get(self.base_url.join(target)).send().await?;
        let status = response.status().as_u16();
        response.bytes().await?;
        Ok(status)
    }
}

/// The results of one worker, which needs no lock for them.
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

    fn response(&mut self, latency: Duration) {
        self.latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    fn error(&mut self, problem: String) {
        *self.errors.entry(problem).or_default() += 1;
    }

    fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.latencies.add(other.latencies).context("latencies do not add up")?;
        for (problem, count) in other.errors {
            *self.errors.entry(problem).or_default() += count;
        }
        Ok(())
    }

    fn figures(self, requests: u32, workers: u32, elapsed: Duration) -> Figures {
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
    use std::sync::Mutex;

    use wiremock::ResponseTemplate;

    use super::*;
    use crate::testing::{base_url, client, serve};

    #[test]
    fn percentiles_are_those_of_all_workers_together() {
        let mut total = Tally::new().expect("valid bounds");
        for range in [1..=50, 51..=100] {
            let mut worker = Tally::new().expect("valid bounds");
            range.for_each(|n| worker.response(Duration::from_millis(n)));
            total.add(worker).expect("equal bounds");
        }
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
        let figures = run(&client(), &base_url(&server), 20, 4, &bar).await.expect("a run");
        assert_eq!((figures.requests, figures.errors), (20, 0));
        assert!(figures.latency_ms.p50 >= 50.0, "{figures:?}");
        let arrivals = arrivals.lock().expect("not poisoned");
        assert_eq!(arrivals.len(), 20);
        let after = |workers: usize| arrivals.windows(workers + 1).map(move |w| w[workers] - w[0]);
        assert!(after(4).all(|pause| pause >= DELAY), "more requests than workers");
        assert!(after(3).any(|pause| pause < DELAY), "fewer requests than workers");
    }
}

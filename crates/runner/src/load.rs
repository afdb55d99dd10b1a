//! Load: a bounded number of workers, each with one request on its way at a time.
//!
//! A closed loop like this one waits for a slow server instead of piling requests on it, so its
//! latencies flatter a server that stalls. To find the limits of one, use a tool with a constant
//! rate; see `bench/`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use reqwest::Client;
use serde::Serialize;
use tokio::task::JoinSet;

use super::{base_url::BaseUrl, functional::root_cause, plan};

/// Latencies are kept in microseconds, up to a minute, which is past every timeout here...
const LONGEST: u64 = 60_000_000;
/// ...and with this many significant digits, which is more than percentiles mean.
const DIGITS: u8 = 3;

/// How much load, and what came of it.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) requests: u32,
    pub(super) workers: u32,
    /// Answers that were not 200, and requests that got none.
    pub(super) errors: u32,
    pub(super) seconds: f64,
    pub(super) requests_per_second: f64,
    pub(super) latency_ms: Percentiles,
    /// The errors, each sort on a line.
    pub(super) problems: Vec<String>,
}

/// Latencies of the requests that were answered, until the body's last byte.
#[derive(Debug, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// Sends `requests` requests, at most `workers` at once, and advances `bar` with each.
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
    /// The number of the next request that nobody has taken.
    next: Arc<AtomicU32>,
    requests: u32,
    bar: ProgressBar,
    tally: Tally,
}

impl Worker {
    async fn run(mut self) -> Tally {
        loop {
            // It overshoots by one for each worker; clap's limits keep that far from wrapping.
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests {
                return self.tally;
            }
            // In turn rather than at random, so that two runs ask for the same.
            let target = plan::LOAD[number as usize % plan::LOAD.len()];
            let started = Instant::now();
            match self.request(target).await {
                Ok(200) => self.tally.answered(started.elapsed()),
                Ok(status) => {
                    self.tally.answered(started.elapsed());
                    self.tally.error(format!("GET {target}: status {status}, expected 200"));
                }
                Err(error) => {
                    self.tally.error(format!("GET {target}: no answer: {}", root_cause(error)));
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

/// What one worker saw; each has its own, so that none waits for another's lock.
struct Tally {
    latencies: Histogram<u64>,
    errors: BTreeMap<String, u32>,
}

impl Tally {
    fn new() -> anyhow::Result<Self> {
        // With bounds, because one that resizes itself saturates at the size it has.
        let latencies = Histogram::new_with_bounds(1, LONGEST, DIGITS)
            .context("no histogram for the latencies")?;
        Ok(Self { latencies, errors: BTreeMap::new() })
    }

    fn answered(&mut self, latency: Duration) {
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
    use super::*;
    use crate::testing::{Answer, serve};

    #[test]
    fn percentiles_are_those_of_all_workers_together() {
        let mut total = Tally::new().expect("valid bounds");
        for range in [1..=50, 51..=100] {
            let mut worker = Tally::new().expect("valid bounds");
            range.for_each(|n| worker.answered(Duration::from_millis(n)));
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
    async fn all_requests_are_sent_and_never_more_at_once_than_there_are_workers() {
        // On their way now, the most at once, and sent.
        let counts = Arc::<(AtomicU32, AtomicU32, AtomicU32)>::default();
        let seen = Arc::clone(&counts);
        let url = serve(move |_| {
            let (now, most, sent) = &*seen;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            now.fetch_sub(1, Ordering::SeqCst);
            sent.fetch_add(1, Ordering::SeqCst);
            Answer::new(200, "{}")
        });
        let client = crate::tls::client_for("http").no_proxy().build().expect("a client");
        let figures = run(&client, &url, 20, 4, &ProgressBar::hidden()).await.expect("a run");
        assert_eq!((figures.requests, figures.errors), (20, 0));
        assert!(figures.latency_ms.p50 >= 5.0, "{figures:?}");
        let (_, most, sent) = &*counts;
        assert_eq!(sent.load(Ordering::SeqCst), 20);
        assert!((2..=4).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    }
}

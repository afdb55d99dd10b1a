//! A long run: memory must not grow, and the log must account for every span.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use otlp_receiver::Receiver;

use super::backend::Backend;
use super::{Trial, demo, verdict};
use crate::load::{HEALTH, paced};

const RATE: f64 = 500.0;
const CONNECTIONS: usize = 16;

const SAMPLE: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// The duration of each restart.
const AWAY: Duration = Duration::from_secs(2);

/// For the spans that are queued when the load ends: above the longest pause between two attempts.
const CATCH_UP: Duration = Duration::from_secs(8);

/// The minutes until every buffer has had its largest size, which a restart causes.
const SETTLED: u64 = 3;

/// How much memory may vary after that, because of the allocator.
const SLACK_MIB: f64 = 4.0;

pub(crate) fn run(trial: &Trial) -> anyhow::Result<()> {
    let mut backend = match &trial.jaeger {
        Some(jaeger) => Backend::jaeger(jaeger),
        None => Backend::Receiver(Receiver::start_counting()),
    };
    backend.start()?;
    let server = demo::start(trial, &backend.endpoint())?;
    let (port, time) = (server.port, MINUTE * u32::try_from(trial.minutes)?);
    let load = thread::spawn(move || paced(port, HEALTH, CONNECTIONS, RATE, time));
    let began = Instant::now();
    let mut samples = Vec::new();
    let mut restarts = 0;
    while began.elapsed() < time {
        if began.elapsed() >= MINUTE * (restarts + 1) {
            backend.kill();
            thread::sleep(AWAY);
            backend.start()?;
            restarts += 1;
        }
        let next = SAMPLE * u32::try_from(samples.len() + 1)?;
        thread::sleep(next.saturating_sub(began.elapsed()));
        let mib = server.memory()?.now as f64 / 1024.0;
        eprintln!("{:>4} s: {mib:.1} MiB", began.elapsed().as_secs());
        samples.push((began.elapsed(), mib));
    }
    let (load, _) = load.join().map_err(|_| anyhow!("the load panicked"))??;
    thread::sleep(CATCH_UP);
    let log = demo::end(server)?;
    // One request waits for the start.
    let ended = load.requests + 1;

    let minutes = trial.minutes;
    let settled = SETTLED.min(minutes / 2).max(1);
    let early = MINUTE * u32::try_from(settled)?;
    let most = |from: Duration, to: Duration| {
        let within = samples.iter().filter(|(at, _)| *at > from && *at <= to + SAMPLE / 2);
        within.map(|(_, mib)| *mib).fold(0.0, f64::max)
    };
    let at = |time: Duration| most(time.saturating_sub(SAMPLE / 2), time);
    let (before, after) = (most(Duration::ZERO, early), most(early + SAMPLE / 2, time));
    println!("{RATE} requests/s for {minutes} minutes, {restarts} restarts of the backend.\n");
    println!("| what | value |\n| --- | --- |");
    println!("| RSS at minute {settled}, MiB | {:.1} |", at(early));
    println!("| RSS at minute {minutes}, MiB | {:.1} |", at(time));
    println!("| most RSS up to minute {settled}, MiB | {before:.1} |");
    println!("| most RSS after it, MiB | {after:.1} |");
    println!("| spans ended | {ended} |");
    println!("| spans exported | {} |", log.exported);
    println!("| spans counted as dropped | {} |", log.dropped);
    println!("| outages logged, and their ends | {} + {} |", log.begun, log.over);

    let mut problems = Vec::new();
    if after > before + SLACK_MIB {
        problems.push(format!("memory grew from {before:.1} to {after:.1} MiB"));
    }
    if log.exported + log.dropped != ended {
        problems
            .push(format!("{ended} spans ended, the log has {} + {}", log.exported, log.dropped));
    }
    let what = format!(
        "no growth beyond {SLACK_MIB} MiB after minute {settled}, and every span accounted for"
    );
    verdict(&what, &problems)
}

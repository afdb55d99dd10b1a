//! A long run: memory does not grow, and every span has an end that is known.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::backend::Backend;
use super::{Trial, demo, verdict};
use crate::load::{HEALTH, paced};

const RATE: f64 = 500.0;
const CONNECTIONS: usize = 16;

const SAMPLE: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// How long the backend is away each time.
const AWAY: Duration = Duration::from_secs(2);

/// For what waits when the load ends: above the longest pause between two tries.
const CATCH_UP: Duration = Duration::from_secs(8);

/// By then every buffer has had its largest size: a restart, and what had to wait for it.
const SETTLED: u64 = 3;

/// What memory may vary by after that, for the allocator's sake.
const SLACK_MIB: f64 = 4.0;

pub(crate) fn run(trial: &Trial) -> anyhow::Result<()> {
    let mut backend = match &trial.jaeger {
        Some(jaeger) => Backend::jaeger(jaeger),
        None => Backend::receiver(trial)?,
    };
    backend.start()?;
    let server = demo::start(trial, &format!("http://127.0.0.1:{}", backend.port))?;
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
    let last = demo::end(server)?;
    // One more, by which it was found to be there.
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
    println!("| what | figure |\n| --- | --- |");
    println!("| RSS at minute {settled}, MiB | {:.1} |", at(early));
    println!("| RSS at minute {minutes}, MiB | {:.1} |", at(time));
    println!("| most RSS up to minute {settled}, MiB | {before:.1} |");
    println!("| most RSS after it, MiB | {after:.1} |");
    println!("| spans ended | {ended} |");
    println!("| spans exported | {} |", last.exported);
    println!("| spans counted as dropped | {} |", last.dropped);
    println!("| outages told, and their ends | {} + {} |", last.begun, last.over);

    let mut wrong = Vec::new();
    if after > before + SLACK_MIB {
        wrong.push(format!("memory grew from {before:.1} to {after:.1} MiB"));
    }
    if last.exported + last.dropped != ended {
        wrong
            .push(format!("{ended} spans ended, {} + {} are told of", last.exported, last.dropped));
    }
    let what = format!(
        "no growth beyond {SLACK_MIB} MiB after minute {settled}, and every span accounted for"
    );
    verdict(&what, &wrong)
}

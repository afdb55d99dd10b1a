//! Latency and memory at a rate that every server sustains.

use std::time::Duration;

use crate::Bench;
use crate::load::{HEALTH, paced};
use crate::process::Process;
use crate::stats::{Spread, show, spread};

const RATE: f64 = 5_000.0;

/// A shorter run has too few requests above the 99th percentile.
const TIME: Duration = Duration::from_secs(10);

struct Run {
    server: &'static str,
    bare: &'static str,
    round: usize,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    cpu_us: f64,
    peak_kib: f64,
    first_response_ms: f64,
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    let time = if bench.short { TIME / 2 } else { TIME };
    for round in 0..bench.rounds {
        for server in &bench.servers {
            bench.collector.clear();
            let process = Process::start(server, &bench.collector.endpoint())?;
            paced(process.port, HEALTH, bench.connections, RATE, Duration::from_secs(1))?;
            let before = process.cpu()?;
            let (load, latencies) = paced(process.port, HEALTH, bench.connections, RATE, time)?;
            let cpu_us = (process.cpu()? - before) * 1e6 / load.requests as f64;
            let p999_us = latencies.value_at_quantile(0.999) as f64 / 1e3;
            let run = Run {
                server: server.name,
                bare: server.bare,
                round,
                p50_us: load.p50_us,
                p99_us: load.p99_us,
                p999_us,
                cpu_us,
                peak_kib: process.memory()?.peak as f64,
                first_response_ms: process.first_response.as_secs_f64() * 1e3,
            };
            process.end()?;
            eprintln!("round {round} {:<16} p99 {:>7.0} us", run.server, run.p99_us);
            runs.push(run);
        }
    }
    println!("Median (least-most) of {} rounds at {RATE} requests/s.\n", bench.rounds);
    println!(
        "| server | p50 us | p99 us | p99.9 us | p99 / bare | CPU us/request | peak MB | first response ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for server in &bench.servers {
        let own = || runs.iter().filter(|run| run.server == server.name);
        let column = |figure: fn(&Run) -> f64| spread(own().map(figure));
        let to_bare = own().filter(|run| run.bare != run.server).filter_map(|run| {
            let bare = runs.iter().find(|r| r.round == run.round && r.server == run.bare)?;
            Some(run.p99_us / bare.p99_us)
        });
        let scaled = |figure: fn(&Run) -> f64, by: f64| {
            column(figure).map(|s| Spread {
                median: s.median / by,
                least: s.least / by,
                most: s.most / by,
            })
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            server.name,
            show(column(|run| run.p50_us), 0),
            show(column(|run| run.p99_us), 0),
            show(column(|run| run.p999_us), 0),
            show(spread(to_bare), 2),
            show(column(|run| run.cpu_us), 1),
            show(scaled(|run| run.peak_kib, 1024.0), 1),
            show(column(|run| run.first_response_ms), 0),
        );
    }
    Ok(())
}

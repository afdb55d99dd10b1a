//! Every server in turn at saturation, for several rounds, as a table.

use std::time::Duration;

use serde::Serialize;

use crate::Bench;
use crate::collector::settled;
use crate::load::{HEALTH, saturate};
use crate::process::Process;
use crate::servers::Server;
use crate::stats::{show, spread};

/// Load before the measurement: caches fill, exporters connect.
const WARM_UP: Duration = Duration::from_secs(1);

/// The results of one server in one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) server: &'static str,
    pub(crate) bare: &'static str,
    pub(crate) round: usize,
    pub(crate) requests_per_second: f64,
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) requests: u64,
    pub(crate) spans: u64,
    pub(crate) lost: u64,
    pub(crate) attributes: u64,
    pub(crate) rss_kib: u64,
    pub(crate) peak_kib: u64,
    pub(crate) first_response_ms: f64,
}

/// The load on a server.
#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) path: &'a str,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    pub(crate) script: Option<&'a str>,
    /// Spans per request.
    pub(crate) spans: u64,
}

/// Runs one server under load. CPU time is measured from before the warm-up until the export of the
/// last span, and divided by the number of requests.
pub(crate) fn one(
    bench: &Bench,
    server: &Server,
    round: usize,
    workload: Workload<'_>,
) -> anyhow::Result<Run> {
    bench.collector.clear();
    let process = Process::start(server, &bench.collector.endpoint())?;
    let before = process.cpu()?;
    // Thousands of connections need time to open.
    let warm_up = WARM_UP.max(Duration::from_millis(workload.connections as u64));
    let warm =
        saturate(process.port, workload.path, workload.connections, warm_up, workload.script)?;
    let load = saturate(
        process.port,
        workload.path,
        workload.connections,
        workload.time,
        workload.script,
    )?;
    let requests = warm.requests + load.requests;
    let expected = if server.spans { requests * workload.spans } else { 0 };
    let counts = settled(&bench.collector, expected);
    let cpu = process.cpu()? - before;
    let memory = process.memory()?;
    let first_response_ms = process.first_response.as_secs_f64() * 1e3;
    process.end()?;
    #[allow(clippy::cast_precision_loss, reason = "counts of a few million")]
    Ok(Run {
        server: server.name,
        bare: server.bare,
        round,
        requests_per_second: load.requests as f64 / load.seconds,
        cpu_us: cpu * 1e6 / requests as f64,
        p50_us: load.p50_us,
        p99_us: load.p99_us,
        requests,
        spans: counts.spans,
        lost: expected.saturating_sub(counts.spans),
        attributes: counts.attributes,
        rss_kib: memory.now,
        peak_kib: memory.peak,
        first_response_ms,
    })
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    let workload = Workload {
        path: HEALTH,
        connections: bench.connections,
        time: bench.time,
        script: None,
        spans: 1,
    };
    let mut runs = Vec::new();
    for round in 0..bench.rounds {
        // Every other round runs backwards, so that no server always follows the same one.
        let mut servers: Vec<_> = bench.servers.iter().collect();
        if round % 2 == 1 {
            servers.reverse();
        }
        for server in servers {
            let run = one(bench, server, round, workload)?;
            let Run { requests_per_second: rate, cpu_us, lost, .. } = run;
            eprintln!(
                "round {round} {:<16} {rate:>9.0}/s {cpu_us:>7.1} us, {lost} lost",
                run.server
            );
            runs.push(run);
        }
    }
    if let Some(path) = &bench.json {
        std::fs::write(path, serde_json::to_string_pretty(&runs)?)?;
    }
    print(bench, &runs);
    Ok(())
}

/// Compares each run of a server with the run of its bare server in the same round.
pub(crate) fn paired<'a>(
    runs: &'a [Run],
    server: &'a str,
    figure: impl Fn(&Run, &Run) -> f64 + 'a,
) -> impl Iterator<Item = f64> + 'a {
    runs.iter().filter(move |run| run.server == server && run.bare != server).filter_map(
        move |run| {
            let bare =
                runs.iter().find(|other| other.round == run.round && other.server == run.bare);
            bare.map(|bare| figure(run, bare))
        },
    )
}

fn print(bench: &Bench, runs: &[Run]) {
    println!(
        "Median (least-most) of {} rounds, {} s each, {} connections, GET /health.\n",
        bench.rounds,
        bench.time.as_secs(),
        bench.connections
    );
    println!(
        "| server | requests/s | CPU us/request | tax, CPU us/request | ratio | p50 ms | p99 ms | \
         attributes | spans lost | peak MB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for server in &bench.servers {
        let own = || runs.iter().filter(|run| run.server == server.name);
        let column = |figure: fn(&Run) -> f64, digits| show(spread(own().map(figure)), digits);
        let middle = |figure: fn(&Run) -> f64| spread(own().map(figure)).map_or(0.0, |s| s.median);
        let (spans, lost) = own().fold((0, 0), |(s, l), run| (s + run.spans, l + run.lost));
        #[allow(clippy::cast_precision_loss, reason = "counts of a few million")]
        let (attributes, lost) = match spans {
            0 => (String::new(), String::new()),
            _ => {
                let share = 100.0 * lost as f64 / (spans + lost) as f64;
                let attributes = own().map(|run| run.attributes).max().unwrap_or(0);
                (attributes.to_string(), format!("{share:.1} %"))
            }
        };
        println!(
            "| {} | {} | {} | {} | {} | {:.2} | {:.2} | {attributes} | {lost} | {:.1} |",
            server.name,
            column(|run| run.requests_per_second, 0),
            column(|run| run.cpu_us, 1),
            show(spread(paired(runs, server.name, |run, bare| run.cpu_us - bare.cpu_us)), 1),
            show(spread(paired(runs, server.name, |run, bare| run.cpu_us / bare.cpu_us)), 3),
            middle(|run| run.p50_us) / 1e3,
            middle(|run| run.p99_us) / 1e3,
            middle(|run| run.peak_kib as f64) / 1024.0,
        );
    }
}

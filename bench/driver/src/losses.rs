//! No span may be lost, neither at saturation nor to a slow collector.

use std::time::{Duration, Instant};

use anyhow::ensure;
use otlp_receiver::Behaviour;

use crate::Bench;
use crate::collector::settled;
use crate::load::{HEALTH, paced, saturate};
use crate::process::Process;
use crate::servers::Server;

/// The slow collector receives 20,000 spans/s: this many requests/s, with this many spans each.
const RATE: f64 = 5_000.0;
const SPANS: u64 = 4;
const SLOW: Duration = Duration::from_millis(100);

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    let server = bench.server("ours")?;
    let time = Duration::from_secs(if bench.short { 10 } else { 60 });
    let lost = saturated(bench, server, time)? + slow(bench, server, time)?;
    ensure!(lost == 0, "{lost} spans were lost");
    Ok(())
}

fn saturated(bench: &Bench, server: &Server, time: Duration) -> anyhow::Result<u64> {
    bench.collector.clear();
    let process = Process::start(server, &bench.collector.endpoint())?;
    // One request waits for the start.
    let requests = 1 + saturate(process.port, HEALTH, bench.connections, time, None)?.requests;
    report(bench, "fast collector, saturation", process, requests, time)
}

fn slow(bench: &Bench, server: &Server, time: Duration) -> anyhow::Result<u64> {
    bench.collector.clear();
    bench.collector.set(Behaviour::Delay(SLOW));
    let process = Process::start(server, &bench.collector.endpoint())?;
    let path = format!("/spans/{}", SPANS - 1);
    let (load, _) = paced(process.port, &path, bench.connections, RATE, time)?;
    report(bench, "100 ms collector, 20,000 spans/s", process, 1 + load.requests * SPANS, time)
}

fn report(
    bench: &Bench,
    what: &str,
    process: Process,
    expected: u64,
    time: Duration,
) -> anyhow::Result<u64> {
    let ended = Instant::now();
    let counts = settled(&bench.collector, expected);
    let waited = ended.elapsed().as_secs_f64();
    let peak = process.memory()?.peak / 1024;
    let output = process.end()?;
    let lost = expected.saturating_sub(counts.spans);
    let (spans, exports) = (counts.spans, counts.exports);
    println!(
        "{what}, {} s: at least {expected} spans ended, {spans} received in {exports} exports, \
         {lost} lost; all received after {waited:.1} s; peak {peak} MB; the server logs: {}",
        time.as_secs(),
        output.lines().filter(|line| line.contains("traces")).collect::<Vec<_>>().join("; ")
    );
    Ok(lost)
}

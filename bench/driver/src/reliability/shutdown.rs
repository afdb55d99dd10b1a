//! Signals under load: the span of every response must arrive before the server ends.

use std::collections::HashSet;
use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use otlp_receiver::Receiver;

use super::demo::Log;
use super::{Trial, demo, verdict};
use crate::load::read_response;

/// Requests per second, and their number of connections.
const RATE: u32 = 500;
const CONNECTIONS: u32 = 16;

const TURNS: usize = 20;
const KILLS: usize = 5;

/// Load before the signal.
const BEFORE: Duration = Duration::from_secs(3);

/// The most spans that SIGKILL may lose: those of one batch delay, and of a batch in flight.
const LAST_BATCH: usize = RATE as usize * 5 / 4;

pub(crate) fn run(trial: &Trial) -> anyhow::Result<()> {
    let mut problems = Vec::new();
    println!("{RATE} requests/s at the time of the signal.\n");
    println!(
        "| signal | responses | of them without a span | logged as lost | seconds to the end |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for turn in 0..TURNS + KILLS {
        let kill = turn >= TURNS;
        let (responses, missing, log, duration) = one(trial, kill)?;
        let signal = if kill { "KILL" } else { "TERM" };
        let lost = log.as_ref().map_or("-".to_owned(), |log| log.dropped.to_string());
        println!("| {signal} | {responses} | {missing} | {lost} | {:.1} |", duration.as_secs_f64());
        let lost = log.map_or(0, |log| log.dropped);
        if missing > if kill { LAST_BATCH } else { 0 } || lost > 0 {
            problems
                .push(format!("turn {turn}, {signal}: {missing} missing, {lost} logged as lost"));
        }
    }
    let what =
        format!("{TURNS} times SIGTERM loses no span, {KILLS} times SIGKILL at most {LAST_BATCH}");
    verdict(&what, &problems)
}

fn one(trial: &Trial, kill: bool) -> anyhow::Result<(usize, usize, Option<Log>, Duration)> {
    let receiver = Receiver::start();
    let server = demo::start(trial, &receiver.endpoint())?;
    let port = server.port;
    let start = Instant::now();
    let clients: Vec<_> =
        (0..CONNECTIONS).map(|index| thread::spawn(move || client(port, start, index))).collect();
    thread::sleep(BEFORE);
    let signalled = Instant::now();
    let log = if kill {
        drop(server);
        None
    } else {
        Some(demo::end(server)?)
    };
    let duration = signalled.elapsed();
    let mut responses = Vec::new();
    for client in clients {
        responses.extend(client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?);
    }
    let spans = receiver.spans();
    let arrived: HashSet<_> = spans.iter().map(|span| &span.trace_id).collect();
    let missing = responses.iter().filter(|trace| !arrived.contains(trace)).count();
    Ok((responses.len(), missing, log, duration))
}

/// Sends its share of the requests until the server ends; returns the trace id of each response.
fn client(port: u16, start: Instant, index: u32) -> Vec<String> {
    let mut traces = Vec::new();
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return traces };
    let mut buffer = vec![0; 16 << 10];
    let request = format!("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    for turn in 0.. {
        let due = start + Duration::from_secs(1) * (turn * CONNECTIONS + index) / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = stream.write_all(request.as_bytes());
        let Some(read) = sent.ok().and_then(|()| read_response(&mut stream, &mut buffer).ok())
        else {
            break;
        };
        let head = String::from_utf8_lossy(&buffer[..read]);
        let header = head.lines().find_map(|line| line.strip_prefix("traceresponse: "));
        traces.extend(header.and_then(|value| value.split('-').nth(1)).map(str::to_owned));
    }
    traces
}

//! Signals under load: what was answered has arrived when the server has ended.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::backend::Backend;
use super::demo::LastWords;
use super::{Trial, demo, verdict};
use crate::load::read_answer;

/// Requests a second, and over how many connections.
const RATE: u32 = 500;
const CONNECTIONS: u32 = 16;

const TURNS: usize = 20;
const KILLS: usize = 5;

/// Load before the signal.
const BEFORE: Duration = Duration::from_secs(3);

/// Spans that a SIGKILL may cost: those of the delay of a batch, and of what gathers and travels.
const LAST_BATCH: usize = RATE as usize * 5 / 4;

pub(crate) fn run(trial: &Trial) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    println!("{RATE} requests/s when the signal comes.\n");
    println!("| signal | answered | of them without spans | told as lost | seconds to the end |");
    println!("| --- | --- | --- | --- | --- |");
    for turn in 0..TURNS + KILLS {
        let kill = turn >= TURNS;
        let (answered, missing, told, took) = one(trial, kill)?;
        let signal = if kill { "KILL" } else { "TERM" };
        let lost = told.as_ref().map_or("-".to_owned(), |told| told.dropped.to_string());
        println!("| {signal} | {answered} | {missing} | {lost} | {:.1} |", took.as_secs_f64());
        let lost = told.map_or(0, |told| told.dropped);
        if missing > if kill { LAST_BATCH } else { 0 } || lost > 0 {
            wrong.push(format!("turn {turn}, {signal}: {missing} missing, {lost} told as lost"));
        }
    }
    let what = format!(
        "{TURNS} times SIGTERM loses nothing, {KILLS} times SIGKILL no more than {LAST_BATCH}"
    );
    verdict(&what, &wrong)
}

fn one(trial: &Trial, kill: bool) -> anyhow::Result<(usize, usize, Option<LastWords>, Duration)> {
    let mut backend = Backend::receiver(trial)?;
    backend.start()?;
    let server = demo::start(trial, &format!("http://127.0.0.1:{}", backend.port))?;
    let port = server.port;
    let start = Instant::now();
    let asking: Vec<_> =
        (0..CONNECTIONS).map(|index| thread::spawn(move || ask(port, start, index))).collect();
    thread::sleep(BEFORE);
    let signalled = Instant::now();
    let told = if kill {
        drop(server);
        None
    } else {
        Some(demo::end(server)?)
    };
    let took = signalled.elapsed();
    let mut answered = Vec::new();
    for asking in asking {
        answered.extend(asking.join().map_err(|_| anyhow::anyhow!("a client panicked"))?);
    }
    let arrived = backend.traces()?;
    let missing = answered.iter().filter(|trace| !arrived.contains(*trace)).count();
    Ok((answered.len(), missing, told, took))
}

/// Asks at its share of the rate until nobody answers; tells the trace of each answer.
fn ask(port: u16, start: Instant, index: u32) -> Vec<String> {
    let mut traces = Vec::new();
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return traces };
    let mut buffer = vec![0; 16 << 10];
    let request = format!("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    for turn in 0.. {
        let due = start + Duration::from_secs(1) * (turn * CONNECTIONS + index) / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = stream.write_all(request.as_bytes());
        let Some(read) = sent.ok().and_then(|()| read_answer(&mut stream, &mut buffer).ok()) else {
            break;
        };
        let head = String::from_utf8_lossy(&buffer[..read]);
        let header = head.lines().find_map(|line| line.strip_prefix("traceresponse: "));
        traces.extend(header.and_then(|value| value.split('-').nth(1)).map(str::to_owned));
    }
    traces
}

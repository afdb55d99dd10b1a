//! Each fault of a collector for a while, beside a server whose receiver is healthy.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use otlp_receiver::{Behaviour, Receiver, TlsMode};

use super::backend::Backend;
use super::{Trial, demo, verdict};
use crate::load::{HEALTH, paced};
use crate::stats::{show, spread};

/// Requests per second to each of the two servers, and their number of connections.
const RATE: f64 = 200.0;
const CONNECTIONS: usize = 8;

/// Load before a fault and after it.
const AROUND: Duration = Duration::from_secs(5);

/// How long a recovered backend may take to receive the queued spans: above the longest pause.
const CATCH_UP: Duration = Duration::from_secs(15);

/// The limits: the ratio of the 99th percentiles with and without the fault, and memory in MiB.
const MOST_RATIO: f64 = 1.2;
const MOST_MIB: f64 = 64.0;

#[derive(Clone)]
enum Kind {
    /// Nothing listens until the fault ends.
    Absent,
    /// The receiver is cut off, and restarted when the fault ends.
    Killed,
    /// A real Jaeger is killed, and restarted when the fault ends.
    JaegerKilled,
    /// The receiver answers like this until the fault ends.
    Behaves(Behaviour),
    /// The receiver responds after one second, within the timeout.
    Slow,
    /// The certificate is from an unknown authority, permanently.
    Certificate,
    /// The name does not resolve, permanently.
    Name,
}

fn all() -> [(&'static str, Kind); 11] {
    let retry_after = Some(Duration::from_secs(1));
    let message = "too long".to_owned();
    [
        ("absent at the start", Kind::Absent),
        ("killed and restarted", Kind::Killed),
        ("Jaeger killed and restarted", Kind::JaegerKilled),
        ("hanging", Kind::Behaves(Behaviour::Hang)),
        ("Unavailable", Kind::Behaves(Behaviour::Unavailable)),
        (
            "ResourceExhausted, RetryInfo 1 s",
            Kind::Behaves(Behaviour::ResourceExhausted { retry_after }),
        ),
        ("Unimplemented", Kind::Behaves(Behaviour::Unimplemented)),
        ("partial success", Kind::Behaves(Behaviour::PartialSuccess { rejected: 2, message })),
        ("slow: 1 s per export", Kind::Slow),
        ("wrong certificate", Kind::Certificate),
        ("name that does not resolve", Kind::Name),
    ]
}

/// The results of one fault.
struct Row {
    fault: &'static str,
    p99_us: f64,
    undisturbed_us: f64,
    peak_mib: f64,
    ended: u64,
    received: Option<u64>,
    exported: u64,
    dropped: u64,
    lines: (usize, usize),
    expected_lines: (usize, usize),
    loses: bool,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.p99_us / self.undisturbed_us
    }

    /// Spans that nothing accounts for; negative if some are counted twice.
    fn difference(&self) -> i128 {
        let sent = self.received.unwrap_or(self.exported);
        i128::from(self.ended) - i128::from(sent) - i128::from(self.dropped)
    }
}

impl Kind {
    /// Whether the fault ends before the server does.
    fn ends(&self) -> bool {
        !matches!(self, Kind::Certificate | Kind::Name | Kind::Slow)
    }

    /// Expected log lines at the start and at the end.
    fn lines(&self) -> (usize, usize) {
        match self {
            Kind::Slow => (0, 0),
            Kind::Certificate | Kind::Name => (1, 0),
            _ => (1, 1),
        }
    }

    /// Whether spans are lost although the queue has room for all of them.
    fn loses(&self) -> bool {
        use Behaviour::{PartialSuccess, Unimplemented};
        let rejects = matches!(self, Kind::Behaves(Unimplemented | PartialSuccess { .. }));
        rejects || matches!(self, Kind::Certificate | Kind::Name)
    }

    fn backend(&self, trial: &Trial) -> anyhow::Result<Backend> {
        let mut backend = match (self, &trial.jaeger) {
            (Kind::JaegerKilled, Some(jaeger)) => Backend::jaeger(jaeger),
            (Kind::Certificate, _) => Backend::Receiver(Receiver::start_tls(TlsMode::Server)),
            _ => Backend::Receiver(Receiver::start()),
        };
        match self {
            Kind::Absent => backend.kill(),
            Kind::JaegerKilled => backend.start()?,
            _ => {}
        }
        Ok(backend)
    }

    fn endpoint(&self, backend: &Backend) -> String {
        match self {
            // Longer than a label may be: the resolver fails without a query.
            Kind::Name => format!("http://{}.invalid:4317", "n".repeat(64)),
            _ => backend.endpoint(),
        }
    }

    fn begin(&self, backend: &mut Backend) {
        match self {
            Kind::Killed | Kind::JaegerKilled => backend.kill(),
            Kind::Behaves(behaviour) => backend.set(behaviour.clone()),
            Kind::Slow => backend.set(Behaviour::Delay(Duration::from_secs(1))),
            Kind::Absent | Kind::Certificate | Kind::Name => {}
        }
    }

    fn end(&self, backend: &mut Backend) -> anyhow::Result<()> {
        match self {
            Kind::Absent | Kind::Killed | Kind::JaegerKilled => return backend.start(),
            Kind::Behaves(_) => backend.set(Behaviour::Accept),
            Kind::Slow | Kind::Certificate | Kind::Name => {}
        }
        Ok(())
    }
}

pub(crate) fn run(trial: &Trial) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for round in 0..trial.rounds {
        for (fault, kind) in all() {
            if matches!(kind, Kind::JaegerKilled) && trial.jaeger.is_none() {
                continue;
            }
            let row = one(trial, fault, &kind)?;
            eprintln!("round {round} {fault}: difference {}", row.difference());
            rows.push(row);
        }
    }
    print(trial, &rows);
    let problems: Vec<_> = rows.iter().flat_map(problems).chain(slower(&rows)).collect();
    verdict("no fault of a collector slows requests, and every span is accounted for", &problems)
}

fn one(trial: &Trial, fault: &'static str, kind: &Kind) -> anyhow::Result<Row> {
    let healthy = Receiver::start();
    let mut backend = kind.backend(trial)?;
    let undisturbed = demo::start(trial, &healthy.endpoint())?;
    let disturbed = demo::start(trial, &kind.endpoint(&backend))?;
    let time = AROUND + trial.time + AROUND;
    let (one, other) = (disturbed.port, undisturbed.port);
    let load = |port| move || paced(port, HEALTH, CONNECTIONS, RATE, time);
    let (faulty, healthy) = thread::scope(|threads| {
        let loads = [one, other].map(|port| threads.spawn(load(port)));
        thread::sleep(AROUND);
        kind.begin(&mut backend);
        thread::sleep(trial.time);
        let ended = kind.end(&mut backend);
        let [faulty, healthy] = loads.map(|load| match load.join() {
            Ok(load) => load,
            Err(_) => Err(anyhow!("the load panicked")),
        });
        ended.map(|()| (faulty, healthy))
    })?;
    // Fails unless every request had a response.
    let (faulty, healthy) = (faulty?.0, healthy?.0);
    // One request waits for the start.
    let ended = faulty.requests + 1;
    if kind.ends() && !kind.loses() {
        wait_for_spans(&backend, ended);
    }
    let peak_mib = disturbed.memory()?.peak as f64 / 1024.0;
    let log = demo::end(disturbed)?;
    undisturbed.end()?;
    Ok(Row {
        fault,
        p99_us: faulty.p99_us,
        undisturbed_us: healthy.p99_us,
        peak_mib,
        ended,
        received: backend.received(),
        exported: log.exported,
        dropped: log.dropped,
        lines: (log.begun, log.over),
        expected_lines: kind.lines(),
        loses: kind.loses(),
    })
}

/// Waits until every span has arrived, or for as long as that may take.
fn wait_for_spans(backend: &Backend, ended: u64) {
    let started = Instant::now();
    while started.elapsed() < CATCH_UP && backend.received().is_none_or(|count| count < ended) {
        thread::sleep(Duration::from_millis(50));
    }
}

fn problems(row: &Row) -> Vec<String> {
    let Row { fault, ended, exported, dropped, lines, expected_lines, .. } = row;
    let mut problems = Vec::new();
    if row.difference() != 0 || exported + dropped != *ended {
        problems.push(format!(
            "{fault}: {ended} ended, {:?} received, {exported} logged as exported, {dropped} as dropped",
            row.received
        ));
    }
    if lines != expected_lines {
        problems.push(format!("{fault}: {lines:?} log lines, expected {expected_lines:?}"));
    }
    if !row.loses && *dropped > 0 {
        problems.push(format!("{fault}: {dropped} dropped although the queue had room"));
    }
    if row.peak_mib > MOST_MIB {
        problems.push(format!("{fault}: {:.1} MiB, above {MOST_MIB}", row.peak_mib));
    }
    problems
}

fn ratios<'a>(rows: &'a [Row], fault: &'a str) -> impl Iterator<Item = f64> + 'a {
    rows.iter().filter(move |row| row.fault == fault).map(Row::ratio)
}

fn slower(rows: &[Row]) -> Vec<String> {
    let faults = all().map(|(fault, _)| fault).into_iter();
    let faults = faults.filter_map(|fault| Some((fault, spread(ratios(rows, fault))?)));
    let slower = faults.filter(|(_, ratio)| ratio.median > MOST_RATIO);
    slower
        .map(|(fault, ratio)| {
            format!("{fault}: p99 {:.2} times that of the undisturbed server", ratio.median)
        })
        .collect()
}

fn print(trial: &Trial, rows: &[Row]) {
    println!(
        "{RATE} requests/s to each of two servers at the same time, {} s per fault, {} round(s); \
         median (least-most).\n",
        trial.time.as_secs(),
        trial.rounds
    );
    println!(
        "| fault | p99 ms | p99 undisturbed | ratio | peak RSS MiB | ended | received | \
         logged as dropped | difference | log lines |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (fault, _) in all() {
        let own = || rows.iter().filter(|row| row.fault == fault);
        let Some(last) = own().next_back() else { continue };
        let column = |figure: fn(&Row) -> f64, digits| show(spread(own().map(figure)), digits);
        let difference: Vec<_> = own().map(|row| row.difference().to_string()).collect();
        println!(
            "| {fault} | {} | {} | {} | {} | {} | {} | {} | {} | {} + {} |",
            column(|row| row.p99_us / 1e3, 2),
            column(|row| row.undisturbed_us / 1e3, 2),
            column(Row::ratio, 2),
            column(|row| row.peak_mib, 1),
            last.ended,
            last.received.map_or("unknown".to_owned(), |received| received.to_string()),
            last.dropped,
            difference.join(", "),
            last.lines.0,
            last.lines.1,
        );
    }
}

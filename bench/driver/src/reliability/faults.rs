//! The matrix: each fault for as long as is asked, beside a server whose receiver is well.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::backend::Backend;
use super::{Trial, demo, verdict};
use crate::load::{HEALTH, paced};
use crate::stats::{show, spread};

/// Requests a second to each of the two servers, and over how many connections.
const RATE: f64 = 200.0;
const CONNECTIONS: usize = 8;

/// Load before a fault and after it.
const AROUND: Duration = Duration::from_secs(5);

/// How long a backend that is well again may take to get what waited: above the longest pause.
const CATCH_UP: Duration = Duration::from_secs(15);

/// The promises: how much worse a fault may make the 99th percentile, and all of the memory.
const MOST_RATIO: f64 = 1.2;
const MOST_MIB: f64 = 64.0;

#[derive(Clone, Copy)]
enum Kind {
    /// Nothing listens until the fault is over.
    Absent,
    /// It is killed, and started again when the fault is over.
    Killed,
    /// A real Jaeger, killed and started again.
    JaegerKilled,
    /// The receiver behaves so until the fault is over.
    Behaves(&'static str),
    /// The receiver takes a second an export: no outage.
    Slow,
    /// Its certificate is nobody's; that does not pass.
    Certificate,
    /// Its name does not resolve; that does not pass.
    Name,
}

const ALL: [(&str, Kind); 11] = [
    ("absent at the start", Kind::Absent),
    ("killed and back", Kind::Killed),
    ("Jaeger killed and back", Kind::JaegerKilled),
    ("hanging", Kind::Behaves("hang")),
    ("Unavailable", Kind::Behaves("unavailable")),
    ("ResourceExhausted, RetryInfo 1 s", Kind::Behaves("exhausted")),
    ("Unimplemented", Kind::Behaves("unimplemented")),
    ("partial success", Kind::Behaves("partial")),
    ("slow: 1 s an export", Kind::Slow),
    ("wrong certificate", Kind::Certificate),
    ("name that does not resolve", Kind::Name),
];

/// One fault's figures.
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

    /// Spans of which nothing is known: negative if some are counted twice.
    fn difference(&self) -> i128 {
        let sent = self.received.unwrap_or(self.exported);
        i128::from(self.ended) - i128::from(sent) - i128::from(self.dropped)
    }
}

impl Kind {
    fn passes(self) -> bool {
        !matches!(self, Kind::Certificate | Kind::Name | Kind::Slow)
    }

    /// Lines at the beginning and at the end.
    fn lines(self) -> (usize, usize) {
        match self {
            Kind::Slow => (0, 0),
            Kind::Certificate | Kind::Name => (1, 0),
            _ => (1, 1),
        }
    }

    /// Whether spans are lost though the queue has room for all of them.
    fn loses(self) -> bool {
        let refused = matches!(self, Kind::Behaves("unimplemented" | "partial"));
        refused || matches!(self, Kind::Certificate | Kind::Name)
    }

    fn backend(self, trial: &Trial) -> anyhow::Result<Backend> {
        Ok(match (self, &trial.jaeger) {
            (Kind::JaegerKilled, Some(jaeger)) => Backend::jaeger(jaeger),
            (Kind::Certificate, _) => Backend::receiver(trial)?.with_tls(),
            _ => Backend::receiver(trial)?,
        })
    }

    fn endpoint(self, port: u16) -> String {
        match self {
            Kind::Certificate => format!("https://127.0.0.1:{port}"),
            // Longer than a label may be: the resolver says no without asking anybody.
            Kind::Name => format!("http://{}.invalid:{port}", "n".repeat(64)),
            _ => format!("http://127.0.0.1:{port}"),
        }
    }

    fn begin(self, backend: &mut Backend) -> anyhow::Result<()> {
        match self {
            Kind::Killed | Kind::JaegerKilled => backend.kill(),
            Kind::Behaves(how) => backend.behave(how)?,
            Kind::Slow => backend.behave("slow")?,
            Kind::Absent | Kind::Certificate | Kind::Name => {}
        }
        Ok(())
    }

    fn end(self, backend: &mut Backend) -> anyhow::Result<()> {
        match self {
            Kind::Absent | Kind::Killed | Kind::JaegerKilled => backend.start(),
            Kind::Behaves(_) => backend.behave("accept"),
            Kind::Slow | Kind::Certificate | Kind::Name => Ok(()),
        }
    }
}

pub(crate) fn run(trial: &Trial) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for round in 0..trial.rounds {
        for (fault, kind) in ALL {
            if matches!(kind, Kind::JaegerKilled) && trial.jaeger.is_none() {
                continue;
            }
            let row = one(trial, fault, kind)?;
            eprintln!("round {round} {fault}: difference {}", row.difference());
            rows.push(row);
        }
    }
    print(trial, &rows);
    let wrong: Vec<_> = rows.iter().flat_map(complaints).chain(slower(&rows)).collect();
    verdict("no fault of a collector is felt, and every span is accounted for", &wrong)
}

fn one(trial: &Trial, fault: &'static str, kind: Kind) -> anyhow::Result<Row> {
    let mut well = Backend::receiver(trial)?;
    well.start()?;
    let mut backend = kind.backend(trial)?;
    if !matches!(kind, Kind::Absent | Kind::Name) {
        backend.start()?;
    }
    let undisturbed = demo::start(trial, &format!("http://127.0.0.1:{}", well.port))?;
    let disturbed = demo::start(trial, &kind.endpoint(backend.port))?;
    let time = AROUND + trial.time + AROUND;
    let (one, other) = (disturbed.port, undisturbed.port);
    let load = |port| move || paced(port, HEALTH, CONNECTIONS, RATE, time);
    let (faulty, healthy) = thread::scope(|threads| {
        let loads = [one, other].map(|port| threads.spawn(load(port)));
        thread::sleep(AROUND);
        let begun = kind.begin(&mut backend);
        thread::sleep(trial.time);
        let over = begun.and_then(|()| kind.end(&mut backend));
        let [faulty, healthy] = loads.map(|load| match load.join() {
            Ok(load) => load,
            Err(_) => Err(anyhow!("the load panicked")),
        });
        over.map(|()| (faulty, healthy))
    })?;
    // Every request was answered, or this tells which was not.
    let (faulty, healthy) = (faulty?.0, healthy?.0);
    // One more, by which it was found to be there.
    let ended = faulty.requests + 1;
    if kind.passes() && !kind.loses() {
        caught_up(&backend, ended)?;
    }
    let peak_mib = disturbed.memory()?.peak as f64 / 1024.0;
    let last = demo::end(disturbed)?;
    undisturbed.end()?;
    Ok(Row {
        fault,
        p99_us: faulty.p99_us,
        undisturbed_us: healthy.p99_us,
        peak_mib,
        ended,
        received: backend.received()?,
        exported: last.exported,
        dropped: last.dropped,
        lines: (last.begun, last.over),
        expected_lines: kind.lines(),
        loses: kind.loses(),
    })
}

/// Waits until everything is there, or for as long as that may take.
fn caught_up(backend: &Backend, ended: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < CATCH_UP && backend.received()?.is_none_or(|come| come < ended) {
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn complaints(row: &Row) -> Vec<String> {
    let Row { fault, ended, exported, dropped, lines, expected_lines, .. } = row;
    let mut wrong = Vec::new();
    if row.difference() != 0 || exported + dropped != *ended {
        wrong.push(format!(
            "{fault}: {ended} ended, {:?} received, {exported} told as exported, {dropped} as dropped",
            row.received
        ));
    }
    if lines != expected_lines {
        wrong.push(format!("{fault}: {lines:?} lines, not {expected_lines:?}"));
    }
    if !row.loses && *dropped > 0 {
        wrong.push(format!("{fault}: {dropped} dropped though there was room"));
    }
    if row.peak_mib > MOST_MIB {
        wrong.push(format!("{fault}: {:.1} MiB, above {MOST_MIB}", row.peak_mib));
    }
    wrong
}

fn ratios<'a>(rows: &'a [Row], fault: &'a str) -> impl Iterator<Item = f64> + 'a {
    rows.iter().filter(move |row| row.fault == fault).map(Row::ratio)
}

fn slower(rows: &[Row]) -> Vec<String> {
    let faults = ALL.iter().filter_map(|(fault, _)| Some((fault, spread(ratios(rows, fault))?)));
    let slower = faults.filter(|(_, ratio)| ratio.median > MOST_RATIO);
    slower
        .map(|(fault, ratio)| format!("{fault}: p99 {:.2} times the undisturbed", ratio.median))
        .collect()
}

fn print(trial: &Trial, rows: &[Row]) {
    println!(
        "{RATE} requests/s to each of two servers at the same time, {} s of fault, {} round(s); \
         median (least-most).\n",
        trial.time.as_secs(),
        trial.rounds
    );
    println!(
        "| fault | p99 ms | p99 undisturbed (same time) | ratio | peak RSS MiB | ended | received | \
         dropped counted | difference | log lines |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (fault, _) in ALL {
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
            last.received.map_or("not kept".to_owned(), |received| received.to_string()),
            last.dropped,
            difference.join(", "),
            last.lines.0,
            last.lines.1,
        );
    }
}

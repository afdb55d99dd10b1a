//! Runs servers side by side under the same load, and measures the cost of a request.
//!
//! Everything runs on the loopback address for a bounded time. Client and server share the machine's
//! cores: compare results of one round, and CPU time rather than wall time. The collector is a thread of
//! this process.

mod collector;
mod growth;
mod load;
mod losses;
mod plot;
mod process;
mod rate;
mod reliability;
mod servers;
mod stats;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use otlp_receiver::Receiver;
use reliability::Trial;
use servers::Server;

/// Side-by-side load comparison; `bench/run` builds the servers
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    measurement: Option<Measurement>,
    /// Fewer servers and shorter runs, about two minutes
    #[arg(long, global = true)]
    short: bool,
    /// Number of rounds, each with every server in turn
    #[arg(long, global = true)]
    rounds: Option<usize>,
    /// Seconds of load per run
    #[arg(long, global = true)]
    seconds: Option<u64>,
    /// Comma-separated list of servers to run
    #[arg(long, global = true, value_delimiter = ',')]
    only: Vec<String>,
    /// Number of connections, kept alive
    #[arg(long, global = true, default_value_t = 64)]
    connections: usize,
    /// Write every run as JSON to this file
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    /// Directory for the plots of `growth`
    #[arg(long, global = true, default_value = ".")]
    plots: PathBuf,
    /// Jaeger binary for `faults` and `soak`; its default ports must be free
    #[arg(long, global = true, env = "JAEGER_BIN")]
    jaeger: Option<PathBuf>,
    /// Minutes of `soak`
    #[arg(long, global = true, default_value_t = 15)]
    minutes: u64,
    /// Library to preload into every server, such as another allocator
    #[arg(long, global = true)]
    preload: Option<PathBuf>,
    /// Directory of the built servers
    #[arg(long, global = true, env = "BENCH_BIN", default_value = "target/bench/release")]
    bin: PathBuf,
}

impl Cli {
    /// For the measurements that start their own collectors.
    fn trial(&self) -> Trial {
        Trial {
            bin: self.bin.clone(),
            jaeger: self.jaeger.clone(),
            rounds: self.rounds.unwrap_or(1),
            time: Duration::from_secs(self.seconds.unwrap_or(if self.short { 10 } else { 30 })),
            minutes: self.minutes,
        }
    }
}

#[derive(Clone, Copy, Subcommand)]
enum Measurement {
    /// Throughput, CPU per request and lost spans at saturation (the default)
    Table,
    /// Latency and memory at 5,000 requests/s
    Rate,
    /// CPU per request against the number of spans, attributes, routes, connections and kept traces
    Growth,
    /// Lost spans: 60 s at saturation, then 20,000 spans/s to a collector that answers after 100 ms
    Losses,
    /// Each fault of a collector: latency beside an undisturbed server, memory, and every span's fate
    Faults,
    /// SIGTERM and SIGKILL under 500 requests/s
    Shutdown,
    /// 500 requests/s for `--minutes`, with a restart of the backend every minute
    Soak,
    /// List the available servers
    List,
}

/// The setup of a measurement.
struct Bench {
    servers: Vec<Server>,
    collector: Receiver,
    rounds: usize,
    time: Duration,
    connections: usize,
    short: bool,
    json: Option<PathBuf>,
    plots: PathBuf,
}

impl Bench {
    fn server(&self, name: &str) -> anyhow::Result<&Server> {
        let server = self.servers.iter().find(|server| server.name == name);
        server.with_context(|| format!("{name} is not built, or not among --only"))
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let measurement = cli.measurement.unwrap_or(Measurement::Table);
    let trial = match measurement {
        Measurement::Faults => Some(reliability::faults as fn(&Trial) -> _),
        Measurement::Shutdown => Some(reliability::shutdown as _),
        Measurement::Soak => Some(reliability::soak as _),
        _ => None,
    };
    if let Some(run) = trial {
        return run(&cli.trial());
    }
    let mut servers = servers::all(&cli.bin, cli.preload.as_deref());
    if !cli.only.is_empty() {
        let known = |name: &String| servers.iter().any(|server| server.name == name);
        let unknown: Vec<_> = cli.only.iter().filter(|name| !known(name)).cloned().collect();
        anyhow::ensure!(unknown.is_empty(), "not built, or unknown: {}", unknown.join(", "));
        servers.retain(|server| cli.only.iter().any(|name| name == server.name));
    } else if cli.short && matches!(measurement, Measurement::Table) {
        servers.retain(|server| server.short);
    }
    let bench = Bench {
        servers,
        collector: Receiver::start_counting(),
        rounds: cli.rounds.unwrap_or(if cli.short { 3 } else { 5 }),
        time: Duration::from_secs(cli.seconds.unwrap_or(if cli.short { 2 } else { 6 })),
        connections: cli.connections,
        short: cli.short,
        json: cli.json,
        plots: cli.plots,
    };
    match measurement {
        Measurement::Table => table::run(&bench),
        Measurement::Rate => rate::run(&bench),
        Measurement::Growth => growth::run(&bench),
        Measurement::Losses => losses::run(&bench),
        Measurement::Faults | Measurement::Shutdown | Measurement::Soak => Ok(()),
        Measurement::List => {
            bench.servers.iter().for_each(|server| println!("{}", server.name));
            Ok(())
        }
    }
}

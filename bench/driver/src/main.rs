//! Runs servers side by side under the same load, and tells what each request costs them.
//!
//! Everything is on the loopback address and bounded in time. The two sides share the machine's
//! cores, so figures are compared within one round, and CPU time says more than wall time.

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

use collector::Collector;
use reliability::Trial;
use servers::Server;

/// Side-by-side load comparison; `bench/run` builds what it needs.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    what: Option<What>,
    /// Two minutes: fewer servers, shorter runs
    #[arg(long, global = true)]
    short: bool,
    /// Rounds, each with every server in turn
    #[arg(long, global = true)]
    rounds: Option<usize>,
    /// Seconds of load a run
    #[arg(long, global = true)]
    seconds: Option<u64>,
    /// Only these servers, with commas between
    #[arg(long, global = true, value_delimiter = ',')]
    only: Vec<String>,
    /// Connections kept alive
    #[arg(long, global = true, default_value_t = 64)]
    connections: usize,
    /// Where to write every run as JSON
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    /// Where to write the plots of `growth`
    #[arg(long, global = true, default_value = ".")]
    plots: PathBuf,
    /// A Jaeger for `faults` and `soak`, which its default ports have to be free for
    #[arg(long, global = true, env = "JAEGER_BIN")]
    jaeger: Option<PathBuf>,
    /// How long `soak` lasts
    #[arg(long, global = true, default_value_t = 15)]
    minutes: u64,
    /// A library to preload into every server, such as another allocator
    #[arg(long, global = true)]
    preload: Option<PathBuf>,
    /// Where the built servers are
    #[arg(long, global = true, env = "BENCH_BIN", default_value = "target/bench/release")]
    bin: PathBuf,
}

impl Cli {
    /// For what starts all it needs by itself.
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
enum What {
    /// Requests a second, CPU a request and spans lost, at saturation (the default)
    Table,
    /// Latency and memory at a fixed rate of 5,000 requests a second
    Rate,
    /// CPU a request against spans, attributes, routes, connections and kept traces
    Growth,
    /// No span may be lost: 60 s at saturation, and 20,000 spans/s to a collector that takes 100 ms
    Losses,
    /// Each fault of a collector: latency beside an undisturbed twin, memory, and every span's end
    Faults,
    /// SIGTERM and SIGKILL under 500 requests/s
    Shutdown,
    /// 500 requests/s for as long as `--minutes` says, with a backend restarted every minute
    Soak,
    /// Names the servers that are there
    List,
}

/// What every measurement needs.
struct Bench {
    servers: Vec<Server>,
    collector: Collector,
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
    let what = cli.what.unwrap_or(What::Table);
    let trial = match what {
        What::Faults => Some(reliability::faults as fn(&Trial) -> _),
        What::Shutdown => Some(reliability::shutdown as _),
        What::Soak => Some(reliability::soak as _),
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
    } else if cli.short && matches!(what, What::Table) {
        servers.retain(|server| server.short);
    }
    let bench = Bench {
        servers,
        collector: Collector::start(&cli.bin)?,
        rounds: cli.rounds.unwrap_or(if cli.short { 3 } else { 5 }),
        time: Duration::from_secs(cli.seconds.unwrap_or(if cli.short { 2 } else { 6 })),
        connections: cli.connections,
        short: cli.short,
        json: cli.json,
        plots: cli.plots,
    };
    match what {
        What::Table => table::run(&bench),
        What::Rate => rate::run(&bench),
        What::Growth => growth::run(&bench),
        What::Losses => losses::run(&bench),
        What::Faults | What::Shutdown | What::Soak => Ok(()),
        What::List => {
            bench.servers.iter().for_each(|server| println!("{}", server.name));
            Ok(())
        }
    }
}

//! The one binary: parses, dispatches, and ends with an exit code.

use std::process::ExitCode;

use opentelemetry_autoconfigure::ConfigError;
use rocket_otel_demo::cli::{Cli, Command};
use rocket_otel_demo::serve::{BadSetting, serve};
use rocket_otel_demo::tls;
use runner::healthcheck;

/// Chosen here and not in the library: an allocator is the program's to choose.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a wrong option or variable ends with, as clap's own errors do.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    tls::install_default();
    let ended = match Cli::from_process().command {
        Command::Serve(args) => serve(&args.into_serve()).map(|()| ExitCode::SUCCESS),
        Command::Runner(args) => run(runner::run(args)),
        Command::Healthcheck(args) => Ok(healthcheck::run(&args)),
    };
    ended.unwrap_or_else(|error| {
        // Never with a backtrace: it is for a person, and the causes are in the line.
        eprintln!("Error: {error:#}");
        if error.is::<ConfigError>() || error.is::<BadSetting>() {
            return ExitCode::from(USAGE);
        }
        ExitCode::FAILURE
    })
}

fn run(runner: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(runner)
}

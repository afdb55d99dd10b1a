//! The binary: parses the command line, runs a command, and ends with its exit code.

use std::process::ExitCode;

use opentelemetry_autoconfigure::ConfigError;
use rocket_otel_demo::cli::{Cli, Command};
use rocket_otel_demo::serve::{InvalidSetting, serve};
use rocket_otel_demo::tls;
use runner::healthcheck;

/// Set here and not in the library: the choice of an allocator is the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of an invalid option or variable, as clap's own errors have it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    tls::install_default();
    let result = match Cli::from_process().command {
        Command::Serve(args) => serve(&args).map(|()| ExitCode::SUCCESS),
        Command::Runner(args) => run(runner::run(args)),
        Command::Healthcheck(args) => Ok(healthcheck::run(&args)),
    };
    result.unwrap_or_else(|error| {
        // Without a backtrace: the line holds the causes.
        eprintln!("Error: {error:#}");
        if error.is::<ConfigError>() || error.is::<InvalidSetting>() {
            return ExitCode::from(USAGE);
        }
        ExitCode::FAILURE
    })
}

fn run(runner: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(runner)
}

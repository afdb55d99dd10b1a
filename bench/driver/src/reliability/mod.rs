//! The effect of a collector's faults on the application's latency and memory, and on its spans.
//!
//! # Layout
//! `faults` runs every fault beside an undisturbed server, `shutdown` sends signals under load, and `soak`
//! restarts the backend every minute. `backend` receives the spans, `demo` is the server under test.

mod backend;
mod demo;
mod faults;
mod shutdown;
mod soak;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use faults::run as faults;
pub(crate) use shutdown::run as shutdown;
pub(crate) use soak::run as soak;

/// The setup of these measurements, which start servers and receivers of their own.
pub(crate) struct Trial {
    pub(crate) bin: PathBuf,
    /// The binary of a real Jaeger.
    pub(crate) jaeger: Option<PathBuf>,
    pub(crate) rounds: usize,
    /// The duration of a fault.
    pub(crate) time: Duration,
    pub(crate) minutes: u64,
}

/// Prints the problems, and fails if there are any.
fn verdict(what: &str, problems: &[String]) -> anyhow::Result<()> {
    if problems.is_empty() {
        println!("\nPASS: {what}");
        return Ok(());
    }
    println!("\nFAIL: {what}");
    problems.iter().for_each(|problem| println!("- {problem}"));
    anyhow::bail!("{} problems", problems.len())
}

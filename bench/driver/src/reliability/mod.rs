//! What a collector's faults cost: the application's latency and memory, and spans.
//!
//! # Layout
//! `faults` the matrix of faults, each beside an undisturbed twin; `shutdown` signals under load;
//! `soak` a quarter of an hour with a backend that is restarted every minute; `backend` what takes
//! the spans, `demo` the server under test.

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

/// What these measurements need; they start a server and a receiver for each part of their own.
pub(crate) struct Trial {
    pub(crate) bin: PathBuf,
    /// A real Jaeger, to stand where a fault need not be exact.
    pub(crate) jaeger: Option<PathBuf>,
    pub(crate) rounds: usize,
    /// How long a fault lasts.
    pub(crate) time: Duration,
    pub(crate) minutes: u64,
}

/// Fails with all that was found wrong.
fn verdict(what: &str, wrong: &[String]) -> anyhow::Result<()> {
    if wrong.is_empty() {
        println!("\nPASS: {what}");
        return Ok(());
    }
    println!("\nFAIL: {what}");
    wrong.iter().for_each(|wrong| println!("- {wrong}"));
    anyhow::bail!("{} of it did not hold", wrong.len())
}

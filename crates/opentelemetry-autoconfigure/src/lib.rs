#![doc = include_str!("../README.md")]
//!
//! # Layout
//! In reading order, which is the way of a span: [`variables`](VARIABLES) are read into a [`Config`] (`config`,
//! `otlp`, `tls_files`), which `sdk_types` and `providers` turn into the SDK's types. `telemetry` is the life of
//! all of it. An ended span goes to the `span_processor`, then to the `batch_worker` of each of the `exporters`, then
//! through an `otlp_exporter` to a collector. `export_result` gives its result a type, `retry` says what follows from a
//! failure, `stats` counts,
//! `sdk_metrics` reports the counts, and everything runs on the `export_runtime`.

mod config;
mod logging;
mod otlp;
mod retry;
mod sdk_types;
mod signal;
mod stats;
mod variables;

#[cfg(feature = "sdk")]
mod batch_worker;
#[cfg(feature = "sdk")]
mod export_result;
#[cfg(feature = "sdk")]
mod export_runtime;
#[cfg(feature = "sdk")]
mod exporters;
#[cfg(feature = "sdk")]
mod otlp_exporter;
#[cfg(feature = "sdk")]
mod providers;
#[cfg(feature = "sdk")]
mod sdk_metrics;
#[cfg(feature = "sdk")]
mod span_processor;
#[cfg(feature = "sdk")]
mod telemetry;
#[cfg(feature = "sdk")]
mod timestamp;
#[cfg(feature = "sdk")]
mod tls_files;

#[cfg(all(test, feature = "sdk"))]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use config::{
    BatchConfig, Config, ConfigError, Defaults, Exporter, Propagator, Sampling, SignalConfig,
    SpanLimits, Temporality,
};
pub use logging::Logger;
pub use otlp::{Endpoint, OtlpConfig, Protocol, TlsFiles};
pub use retry::{Backoff, ExportError, FailureKind};
pub use signal::Signal;
#[cfg(feature = "sdk")]
pub use span_processor::SpanListener;
pub use stats::{Destination, DropReason, ExporterStats, ExporterStatus, Rejected, State};
#[cfg(feature = "sdk")]
pub use telemetry::{BuildError, SHUTDOWN_TIMEOUT, Telemetry, TelemetryBuilder};
pub use variables::{VARIABLES, Variable, Variables, help};

/// Locks a mutex. A panic of another thread leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

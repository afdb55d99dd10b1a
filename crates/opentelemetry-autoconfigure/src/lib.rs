//! The SDK: providers are born, flushed and shut down here, and nowhere else.
//!
//! [`Config::from_variables`] reads the `OTEL_*` variables, [`Telemetry::build`] makes the
//! providers, [`Telemetry::install`] makes them the global ones, and [`Telemetry::shutdown`] tells
//! what could not be exported. Building is apart from installing, so that tests have pipelines of
//! their own and never touch what is global. A component, which may live for one request, has an
//! `Instance` in place of it.

#[cfg(feature = "sdk")]
mod background;
pub mod basics;
mod config;
#[cfg(feature = "sdk")]
mod console;
#[cfg(feature = "sdk")]
mod exporters;
#[cfg(feature = "sdk")]
mod failure;
#[cfg(feature = "sdk")]
mod lane;
#[cfg(feature = "sdk")]
mod life;
#[cfg(feature = "sdk")]
mod logging;
mod otlp;
#[cfg(feature = "sdk")]
mod outage;
#[cfg(feature = "sdk")]
mod own_metrics;
#[cfg(feature = "sdk")]
mod partial;
#[cfg(feature = "sdk")]
mod pem;
#[cfg(feature = "sdk")]
mod pipeline;
#[cfg(feature = "sdk")]
mod providers;
#[cfg(feature = "sdk")]
mod sending;
mod status;
pub mod stderr;
#[cfg(feature = "sdk")]
mod timestamp;
#[cfg(feature = "sdk")]
mod tls;
mod variables;

pub use config::{
    Batching, Config, ConfigError, Defaults, Exporter, Limits, Propagator, Root, Sampling, Signal,
    Temporality,
};
#[cfg(feature = "sdk")]
pub use life::{SHUTDOWN_TIMEOUT, Telemetry, TelemetryBuilder};
pub use otlp::{Otlp, Protocol};
#[cfg(feature = "sdk")]
pub use pipeline::SpanListener;
pub use status::{ExporterStatus, State};
#[cfg(feature = "sdk")]
pub use timestamp::timestamp;
pub use variables::{VARIABLES, Variable, Variables, help};

//! The SDK: providers are born, flushed and shut down here, and nowhere else.
//!
//! [`Config::from_variables`] reads the `OTEL_*` variables, [`Telemetry::build`] makes the
//! providers, [`Telemetry::install`] makes them the global ones, and [`Telemetry::shutdown`] tells
//! what could not be exported. Building is apart from installing, so that tests have pipelines of
//! their own and never touch what is global. A component, which may live for one request, has an
//! `Instance` in place of it.

#[cfg(any(feature = "wasi", test))]
mod attempts;
#[cfg(feature = "server")]
mod background;
mod basics;
mod config;
#[cfg(feature = "server")]
mod console;
#[cfg(feature = "server")]
mod exporters;
#[cfg(feature = "server")]
mod failure;
#[cfg(any(feature = "wasi", test))]
mod gather;
#[cfg(any(feature = "wasi", test))]
mod instance;
#[cfg(feature = "server")]
mod lane;
#[cfg(feature = "server")]
mod life;
#[cfg(feature = "server")]
mod logging;
mod otlp;
#[cfg(feature = "server")]
mod outage;
#[cfg(feature = "server")]
mod own_metrics;
#[cfg(feature = "server")]
mod partial;
#[cfg(feature = "server")]
mod pem;
#[cfg(feature = "server")]
mod pipeline;
#[cfg(feature = "server")]
mod providers;
#[cfg(feature = "server")]
mod recent;
#[cfg(feature = "server")]
mod sending;
mod status;
#[cfg(any(feature = "server", feature = "wasi"))]
mod stderr;
#[cfg(feature = "server")]
mod timestamp;
mod variables;

pub use config::{
    Batching, Config, ConfigError, DEFAULT_SERVICE_NAME, Exporter, Limits, Propagator, Root,
    Sampling, Signal, Temporality,
};
#[cfg(feature = "wasi")]
pub(crate) use instance::Instance;
#[cfg(feature = "server")]
pub use life::{SHUTDOWN_TIMEOUT, Telemetry};
pub use otlp::{Otlp, Protocol};
#[cfg(feature = "server")]
pub use recent::{RecentTrace, RecentTraces};
pub use status::{ExporterStatus, State};
#[cfg(feature = "server")]
pub use timestamp::timestamp;
pub use variables::{VARIABLES, Variable, Variables, help};

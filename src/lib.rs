//! Application performance monitoring in Rocket: OpenTelemetry spans, metrics and logs for every
//! request.
//!
//! # Layout
//! In the order in which to read it:
//!
//! - [`handlers`]: what each request does, and how instrumentation is written. No server here.
//! - [`conventions`]: what the HTTP semantic conventions and W3C Trace Context ask, for any server.
//! - [`instrument`]: OpenTelemetry for any Rocket application, to copy into yours. It knows
//!   nothing of this demo, and of OpenTelemetry only the API.
//! - [`telemetry`]: the SDK. Providers are born, flushed and shut down here and nowhere else, a
//!   component's too.
//! - [`server`]: the Rocket application, put together from the three above, and from the pages
//!   (`page`), which need no server either.
//! - [`runner`]: functional tests, load and verification of traces; it speaks HTTP only, so it
//!   can test any deployment.
//! - [`healthcheck`]: for containers without curl.
//! - [`cli`]: the command line. [`tls`]: what all clients encrypt with.
//! - `wasm`: the same handlers behind `wasi:http`, as a WebAssembly component. An adapter: routing,
//!   and the host's clock and HTTP client.
//! - `properties`: what holds whatever comes in; for tests and fuzzing alone.
//!
//! Imports go one way: `main` → {`server`, `runner`, `healthcheck`} → {`handlers`, `instrument`,
//! `telemetry`} → `conventions`, and `wasm` → {`handlers`, `page`, `telemetry`} → `conventions`.
//! Handlers, conventions and pages import nothing of ours, instrument nothing but the conventions,
//! telemetry nothing of the server, and nobody but `wasm` WASI; `tests/imports.rs` holds this.
//!
//! The feature `server`, the default, has all that is native: the Rocket application, the runner and
//! the command line. The feature `wasi` has what a component is made of, and stands without it;
//! `wasi-page` adds the pages to it.

#[cfg(feature = "server")]
pub mod cli;
pub mod conventions;
pub mod handlers;
#[cfg(feature = "server")]
pub mod healthcheck;
#[cfg(feature = "server")]
pub mod instrument;
#[cfg(any(feature = "server", feature = "wasi-page"))]
mod page;
#[cfg(any(test, fuzzing))]
pub mod properties;
#[cfg(feature = "server")]
pub mod runner;
#[cfg(feature = "server")]
pub mod server;
pub mod telemetry;
#[cfg(feature = "server")]
pub mod tls;
#[cfg(feature = "wasi")]
pub mod wasm;

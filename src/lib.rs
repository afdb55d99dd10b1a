//! A Rocket service that shows application performance monitoring: OpenTelemetry spans, metrics and
//! logs for every request.
//!
//! # Layout, in the order of a request
//! - `rocket_opentelemetry`, attached and mounted in [`app`]: the fairing starts the request's span
//!   and caches it in the request, and the wrapper around each route makes the span current.
//! - [`routes`]: the `#[get]` functions. `negotiation` chooses JSON or HTML, `responders` are the
//!   forms of an answer, `catchers` answers what no route answers.
//! - `handlers`: what an endpoint does, typed and without a server. [`platform`] supplies its clock
//!   and its outgoing calls.
//! - `rocket_opentelemetry` again: the span ends with the body.
//! - `opentelemetry_autoconfigure`: the span processor copies ended spans to [`recent_traces`] and
//!   batches them for the exporters.
//!
//! The traces of a service about traces: [`dashboard`] holds the telemetry and the recent traces,
//! `trace_view` prepares a trace for reading, `traces` and `assets` are the endpoints of the page.
//!
//! The program around it: [`cli`] parses, [`serve`] runs the server from the variables to the last
//! span, `logging` reduces Rocket's log records, `runner` tests a running deployment, and [`tls`]
//! sets up outgoing HTTP.

pub mod app;
mod assets;
mod catchers;
pub mod cli;
pub mod dashboard;
mod logging;
mod negotiation;
pub mod platform;
pub mod recent_traces;
mod responders;
pub mod routes;
pub mod serve;
pub mod tls;
mod trace_view;
mod traces;

//! The demo's handlers and pages behind `wasi:http`.
//!
//! The endpoints, answers, span names and attributes are those of the Rocket server. Missing is what
//! a component cannot have: metrics and logs over OTLP, because an instance may live for one
//! request; the recent traces; and the address of the client.
//!
//! # Layout, in the order of a request
//! - `server` starts the request's span, answers, ends the span and exports it.
//! - `router` finds the endpoint by Rocket's rules.
//! - `pages` answers a browser; `platform` is the clock and the HTTP client of the handlers.
//! - `response` has the headers of every answer.
//! - `telemetry` holds and exports the spans of an instance.

#[cfg(feature = "pages")]
mod pages;
mod platform;
mod response;
mod router;
mod server;
mod telemetry;

pub use server::serve;

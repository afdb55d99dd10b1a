#![doc = include_str!("../README.md")]
//!
//! # Layout
//! One file for each step, in the order in which a request takes them:
//!
//! 1. `fairing`: [`RequestTracing`], the fairing that an application attaches.
//! 2. `header_scan`: the one pass over a request's headers. `context_extractor`: the context that
//!    they carry.
//! 3. `instrumentation`: what starts the span.
//! 4. `state`: what the request's local cache holds from then on. `request_context`:
//!    [`RequestContext`], which reads it.
//! 5. `traced`: [`traced`], the wrapper that makes the span current in routes and catchers.
//! 6. `response`: the fairing that reads the response before it is sent.
//! 7. `body`: the reader that sees how the sending of the body went.
//! 8. `span`: the span's end, in the drop of the request's local cache.
//! 9. `metrics` and `series`: what is recorded at start and end.
//! 10. `client`: `TracedClient`, the way out (feature `reqwest`).

mod body;
#[cfg(feature = "reqwest")]
mod client;
mod context_extractor;
mod fairing;
mod header_scan;
mod instrumentation;
mod metrics;
mod request_context;
mod response;
// The same items in two forms: a series that the SDK has resolved, and one that it looks up.
#[cfg_attr(feature = "bound-instruments", path = "series/bound.rs")]
#[cfg_attr(not(feature = "bound-instruments"), path = "series/labelled.rs")]
mod series;
mod span;
mod state;
mod traced;

#[cfg(feature = "reqwest")]
pub use client::TracedClient;
pub use fairing::RequestTracing;
pub use opentelemetry_http_semconv::KnownMethods;
pub use request_context::RequestContext;
pub use traced::{Traceable, traced};

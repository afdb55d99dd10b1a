//! The crate from outside: real requests, real spans and metrics, kept in memory.
//!
//! No test touches a global provider: each has a pipeline of its own, so all run in parallel. CI
//! runs them with default features and with all features.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that meets the unexpected has failed"
)]

mod attributes;
mod bodies;
mod children;
#[cfg(feature = "reqwest")]
mod client;
mod connections;
mod forwarded;
mod metrics;
mod names;
mod panics;
mod propagation;
mod support;
mod unreadable;

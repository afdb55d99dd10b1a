//! The application and its instrumentation in process, asserted on by real spans and metrics.
//!
//! No test touches a global provider: each has a pipeline of its own, so all run side by side.
//!
//! - `harness`: applications with their spans in memory, and raw sockets
//! - `demo`: the endpoints of this demo, as its specification has them
//! - `recent`: the recent traces and the page that shows them

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that meets the unexpected has failed"
)]

mod demo;
mod harness;
mod recent;

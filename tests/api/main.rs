//! The application in process, without a server socket or an exporter: its answers, its spans and
//! its recent traces.
//!
//! `tests/parity` has what both servers have in common, and `tests/program` what needs a process.
//!
//! - `support`: the application with its spans in memory, and a downstream service
//! - `demo`: the endpoints
//! - `recent`: the recent traces, and the page that shows them
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test may panic")]

mod demo;
mod recent;
mod support;

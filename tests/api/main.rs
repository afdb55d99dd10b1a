//! The application in process, without a server socket and an exporter: its answers, its spans and
//! its recent traces.
//!
//! What both servers have in common is in `tests/parity`, what takes a process in `tests/program`.
//!
//! - `support`: the application with its spans in memory, and a downstream service
//! - `demo`: the endpoints
//! - `recent`: the recent traces, and the page that shows them
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test may panic")]

mod demo;
mod recent;
mod support;

//! The program as its users run it: a process, its command line and variables, its signals, and the
//! bytes that clients send.
//!
//! - `process`: the program, and the server that it starts
//! - `start`, `help`, `errors`: from the command line to the first line of the log
//! - `console`, `telemetry`, `chain`: what a running server reports
//! - `end`: signals, and the last span
//! - `clients`: malformed requests, slow and idle clients, and clients that never repeat themselves
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failing test may panic")]

mod chain;
mod clients;
mod console;
mod end;
mod errors;
mod help;
mod process;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod telemetry;

/// Both wire formats of OTLP.
const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];

/// Runs a test over both wire formats at once.
fn over_both(test: impl Fn(&'static str) + Sync) {
    std::thread::scope(|threads| {
        for protocol in PROTOCOLS {
            let test = &test;
            threads.spawn(move || test(protocol));
        }
    });
}

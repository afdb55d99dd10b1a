//! The program as its users run it: a process, its command line and variables, its signals, and the
//! bytes that clients send.
//!
//! - `process`: the program, and the server that it starts
//! - `start`, `help`, `errors`: from the command line to the first line of the log
//! - `telemetry`, `console`, `chain`: what a running server exports
//! - `outage`, `secrets`: what it logs and shows while exports fail
//! - `end`: signals, and the last span
//! - `clients`: malformed requests, slow and idle clients, and clients that never send the same request twice
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failing test may panic")]

mod chain;
mod clients;
mod console;
mod end;
mod errors;
mod help;
mod outage;
mod process;
mod secrets;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod telemetry;

use process::Pair;

/// Both wire formats of OTLP, as a variable.
const PROTOCOLS: [Pair<'_>; 2] =
    [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];

/// Runs a test over both wire formats at once.
fn over_both(test: impl Fn(Pair<'static>) + Sync) {
    std::thread::scope(|threads| {
        for protocol in PROTOCOLS {
            let test = &test;
            threads.spawn(move || test(protocol));
        }
    });
}

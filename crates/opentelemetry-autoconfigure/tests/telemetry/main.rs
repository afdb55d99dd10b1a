//! Telemetry over the wire: what a real OTLP receiver gets, for every variable and through every fault.
//!
//! Rules that need no socket have their tests in `src/tests.rs`, under a paused clock.
//!
//! # Layout
//! `support` a telemetry to test with; `variables` one test or more for each row of `VARIABLES`; `faults`
//! receivers that refuse, hang, restart and lie.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that fails may panic")]

mod faults;
mod support;
mod variables;

//! Telemetry over the wire: what a real OTLP receiver gets is compared with what was asked, by
//! every variable, through every fault, and from the real binary.
//!
//! # Layout
//! `kit` a pipeline, a process and an HTTP client to test with; `variables` a test or more for each
//! row of `telemetry::VARIABLES`; `faults` receivers that refuse, hang, restart and lie.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that fails may panic; so may what it is made of"
)]

mod faults;
mod kit;
mod variables;

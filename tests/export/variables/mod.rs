//! Variables whose effect only the running program shows.
//!
//! The others are tested in `crates/opentelemetry-autoconfigure`.

mod capture;
mod exporters;
mod secrets;

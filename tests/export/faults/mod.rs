//! Faults of a collector as the running program shows them: in its log, on its page and at its end.
//!
//! What needs no process is tested in `crates/opentelemetry-autoconfigure`.

mod lines;
mod logs;
mod signals;

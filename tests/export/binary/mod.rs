//! The program's life, from its first line to its last span.

mod console;
mod end;
mod errors;
mod help;
mod start;
mod telemetry;

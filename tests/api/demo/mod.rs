//! The demo's endpoints.

mod bad_input;
mod chain;
mod disabled;
mod endpoints;
mod errors;
mod index;
mod metrics;
mod variables;

//! The demo's endpoints.

mod chain;
mod disabled;
mod endpoints;
mod errors;
mod index;

//! Application performance monitoring in Rocket: OpenTelemetry spans, metrics and logs for every
//! request.

pub mod app;
mod assets;
mod catchers;
pub mod cli;
mod pages;
pub mod platform;
pub mod recent_traces;
pub mod routes;
pub mod serve;
pub mod tls;
mod trace_view;
mod traces;

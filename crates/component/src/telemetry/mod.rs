//! Telemetry that lives for one request.

mod attempts;
mod gather;
mod instance;

pub(crate) use instance::Instance;

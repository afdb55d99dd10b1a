//! Telemetry that lives for one request.

mod instance;
mod span_buffer;

pub(crate) use instance::Instance;

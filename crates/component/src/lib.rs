//! The demo's handlers and pages behind `wasi:http`.

mod host;
#[cfg(feature = "pages")]
mod page;
mod site;
mod telemetry;

pub use site::serve;

//! Clients that send malformed requests, are slow or idle, or never send the same request twice.

mod cardinality;
mod idle;
mod malformed;
mod slow;

use crate::process::{NO_EXPORTERS, Program, Server};

/// A server without exporters and with one worker thread, so that a blocked thread blocks every request.
fn server() -> Server {
    let more = [("OTEL_LOG_LEVEL", "info"), ("ROCKET_WORKERS", "1")];
    Program::new(&["serve", "--port", "0"], &[NO_EXPORTERS, more].concat()).start()
}

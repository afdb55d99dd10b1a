//! Clients that mean no good: slow ones, idle ones, liars, and those that never ask twice the same.

mod cardinality;
mod idle;
mod liars;
mod slow;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::kit::{Program, SOON, Server};

/// The server with nowhere to export to, and one thread to serve with: what holds that up shows.
fn server(more: &[(&str, &str)]) -> Server {
    let first = [
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_LOG_LEVEL", "info"),
        ("ROCKET_WORKERS", "1"),
    ];
    Program::new(&["serve", "--port", "0"], &[&first, more].concat()).start()
}

/// Whether the next request is answered.
#[track_caller]
fn still_answers(server: &Server) {
    assert_eq!(server.get("/health").body, r#"{"status":"healthy"}"#);
}

/// A connection that sends and reads raw bytes.
struct Client(TcpStream);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        stream.set_nodelay(true).expect("an option of TCP");
        Self(stream)
    }

    /// Sends as much as the server takes: it may have refused already.
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref());
    }

    /// What comes until the server closes the connection, or breaks it off.
    fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next answer's status.
    #[track_caller]
    fn status(&mut self) -> u16 {
        let mut line = [0; 12];
        self.0.read_exact(&mut line).expect("the server answers");
        let line = String::from_utf8_lossy(&line);
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status line but {line:?}"))
    }
}

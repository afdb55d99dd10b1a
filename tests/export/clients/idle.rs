//! Clients that connect and ask nothing.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Client, still_answers};
use crate::kit::Program;

/// What the tests that run beside this one have open, and more.
const OTHERS: u64 = 1_000;

/// Raises what this process may have open to all that it may ask for, and gives it.
fn open_files() -> u64 {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("below the limit");
    most.unwrap_or(u64::MAX)
}

#[test]
fn ten_thousand_idle_connections_leave_room_for_the_next_request() {
    let count = 10_000.min(open_files().saturating_sub(OTHERS));
    assert!(count > 1_024, "too few open files are allowed here to tell: ulimit -Hn");
    let variables = [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")];
    // As many systems start it: with far fewer than it is allowed.
    let server = Program::new(&["serve", "--port", "0"], &variables).with_open_files(1_024).start();
    still_answers(&server);
    let before = server.memory();
    let clients: Vec<_> = (0..count)
        .map(|number| {
            let mut client = Client::connect(server.address);
            // Every other one begins to ask.
            if number % 2 == 0 {
                client.send("GET /health HTTP/1.1\r\n");
            }
            client
        })
        .collect();
    still_answers(&server);
    let each = server.memory().saturating_sub(before) / count;
    println!("{count} idle connections: {before} bytes before, {each} bytes each");
    assert!(each < 32 << 10, "{each} bytes for an idle connection");
    drop(clients);
    still_answers(&server);
    assert_eq!(server.end().code, Some(0));
}

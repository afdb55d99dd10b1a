//! Clients that connect and send no request.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::NO_EXPORTERS;
use crate::process::Program;
use crate::support::http::Connection;

/// Open files for the tests that run beside this one, and more.
const OTHERS: u64 = 1_000;

/// Raises this process's limit of open files to its maximum, and returns it.
fn open_files() -> u64 {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("below the limit");
    most.unwrap_or(u64::MAX)
}

#[test]
fn ten_thousand_idle_connections_leave_room_for_the_next_request() {
    let count = 10_000.min(open_files().saturating_sub(OTHERS));
    assert!(count > 1_024, "this test needs more open files: ulimit -Hn");
    // Many systems start a process with a limit far below its maximum.
    let server = Program::new(&["serve", "--port", "0"], &NO_EXPORTERS);
    let server = server.with_open_files(1_024).start();
    server.still_answers();
    let before = server.memory();
    let clients: Vec<_> = (0..count)
        .map(|number| {
            let mut client = Connection::open(server.address);
            // Every other one begins a request.
            if number % 2 == 0 {
                client.send("GET /health HTTP/1.1\r\n");
            }
            client
        })
        .collect();
    server.still_answers();
    let each = server.memory().saturating_sub(before) / count;
    println!("{count} idle connections: {before} bytes before, {each} bytes each");
    assert!(each < 32 << 10, "{each} bytes for an idle connection");
    drop(clients);
    server.still_answers();
    server.end();
}

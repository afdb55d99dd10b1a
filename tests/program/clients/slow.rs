//! Clients that send the head of a request slowly.

use super::server;
use crate::support::http::Connection;

const HEAD: &str = "GET /health HTTP/1.1\r\nHost: slow\r\nConnection: close\r\n\r\n";

#[test]
fn heads_that_arrive_byte_by_byte_block_no_other_request_and_are_answered_at_their_end() {
    let server = server();
    let mut clients: Vec<_> = (0..100).map(|_| Connection::open(server.address)).collect();
    for byte in HEAD.as_bytes() {
        for client in &mut clients {
            client.send([*byte]);
        }
        server.still_answers();
    }
    for client in clients {
        assert_eq!(client.status(), 200);
    }
    server.end();
}

#[test]
fn heads_without_an_end_block_neither_requests_nor_the_shutdown() {
    let server = server();
    let clients: Vec<_> = (1..HEAD.len() - 1)
        .map(|length| {
            let mut client = Connection::open(server.address);
            client.send(&HEAD[..length]);
            client
        })
        .collect();
    server.still_answers();
    server.end();
    drop(clients);
}

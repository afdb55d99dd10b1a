//! Clients that take their time with a request's head.

use super::{Client, server, still_answers};

const HEAD: &str = "GET /health HTTP/1.1\r\nHost: slow\r\nConnection: close\r\n\r\n";

#[test]
fn heads_that_come_byte_by_byte_hold_nobody_up_and_are_answered_at_their_end() {
    let server = server(&[]);
    let mut clients: Vec<_> = (0..100).map(|_| Client::connect(server.address)).collect();
    for byte in HEAD.as_bytes() {
        for client in &mut clients {
            client.send([*byte]);
        }
        still_answers(&server);
    }
    for mut client in clients {
        assert_eq!(client.status(), 200);
    }
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn heads_without_an_end_hold_up_neither_requests_nor_the_servers_end() {
    let server = server(&[]);
    let clients: Vec<_> = (1..HEAD.len() - 1)
        .map(|length| {
            let mut client = Client::connect(server.address);
            client.send(&HEAD[..length]);
            client
        })
        .collect();
    still_answers(&server);
    assert_eq!(server.end().code, Some(0));
    drop(clients);
}

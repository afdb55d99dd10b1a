//! Clients that send other than what they announce, or more than anybody wants.

use std::net::Shutdown;

use super::{Client, server, still_answers};

/// The server closed the connection, or said what was wrong.
#[track_caller]
fn earned_nothing(answer: &str, what: &str) {
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {answer}");
}

#[test]
fn a_mebibyte_of_headers_is_refused_or_answered() {
    let server = server(&[]);
    let long = "z".repeat(1 << 20);
    let many: String =
        (0..1 << 17).fold(String::new(), |all, n| all + &format!("X-{n}: {n:05}\r\n"));
    assert!(many.len() > 1 << 20);
    for name in ["X-Long", "User-Agent", "traceparent", "tracestate", "baggage", "Host"] {
        let mut client = Client::connect(server.address);
        client.send(format!("GET /health HTTP/1.1\r\n{name}: {long}\r\n\r\n"));
        earned_nothing(&client.rest(), name);
        still_answers(&server);
    }
    for head in
        [format!("GET /health HTTP/1.1\r\n{many}\r\n"), format!("GET /{long} HTTP/1.1\r\n\r\n")]
    {
        let mut client = Client::connect(server.address);
        client.send(head);
        earned_nothing(&client.rest(), "a long head");
        still_answers(&server);
    }
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn bodies_that_break_off_hold_nobody_up() {
    let server = server(&[]);
    let bodies = [
        "Content-Length: 1000\r\n\r\nno more than this",
        "Content-Length: 18446744073709551615\r\n\r\nx",
        "Content-Length: -1\r\n\r\nx",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
        "Transfer-Encoding: chunked\r\n\r\nno number\r\nx\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /health",
    ];
    for path in ["/health", "/api/users", "/nowhere"] {
        for body in bodies {
            let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{body}");
            // One leaves, another waits for an answer that it has not earned.
            Client::connect(server.address).send(&request);
            let mut waiting = Client::connect(server.address);
            waiting.send(&request);
            still_answers(&server);
            let _ = waiting.0.shutdown(Shutdown::Write);
            earned_nothing(&waiting.rest(), &request);
        }
    }
    still_answers(&server);
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn garbage_behind_a_request_does_not_harm_its_answer() {
    let server = server(&[]);
    let request = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"\xff\xfe\xfd no request at all\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"{\"json\": \"where a request should be\"}\r\n\r\n",
    ] {
        let mut client = Client::connect(server.address);
        client.send([request.as_bytes(), request.as_bytes(), garbage].concat());
        let _ = client.0.shutdown(Shutdown::Write);
        let answers = client.rest();
        let sound = answers.matches("HTTP/1.1 200 ").count();
        assert_eq!(sound, 2, "{:?}: {answers}", String::from_utf8_lossy(garbage));
        still_answers(&server);
    }
    assert_eq!(server.end().code, Some(0));
}

//! Malformed, oversized and unusual requests: each gets an answer below 500 or a closed connection,
//! and the server answers the next request.

use otlp_receiver::Receiver;

use super::server;
use crate::process::{Program, Server};
use crate::support::SOON;
use crate::support::http::Connection;

/// Sends bytes after which the server closes the connection, and returns its answer.
#[track_caller]
fn exchange(server: &Server, bytes: impl AsRef<[u8]>) -> String {
    let mut client = Connection::open(server.address);
    client.send(&bytes);
    let answer = client.read_to_end();
    server.still_answers();
    answer
}

/// Sends bytes and nothing more, and returns the answers to them.
#[track_caller]
fn exchange_all(server: &Server, bytes: impl AsRef<[u8]>) -> String {
    let mut client = Connection::open(server.address);
    client.send(&bytes);
    client.finish();
    let answers = client.read_to_end();
    server.still_answers();
    answers
}

/// The server closed the connection, or rejected the request.
#[track_caller]
fn assert_rejected(answer: &str, what: &str) {
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {answer}");
}

/// The server answered, and without an error of its own.
#[track_caller]
fn assert_answered(answer: &str, what: &str) {
    assert!(
        answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.1 4"),
        "{what}: {answer}"
    );
}

#[test]
fn odd_targets_are_answered_and_their_spans_have_known_names() {
    let receiver = Receiver::start();
    let server = Program::serving(&receiver, &[]).start();
    let long = format!("/health?x={}", "y".repeat(8_000));
    let targets = [
        "/%00",
        "/%ff%fe",
        "/api/%2e%2e/%2e%2e/etc/passwd",
        "/../../etc/passwd",
        "/./api/./users/../../health",
        "//",
        "//api//nothing",
        "/api/users%00",
        "/static/%2e%2e%2fCargo.toml",
        "/static/../Cargo.toml",
        "/%F0%9F%A6%80",
        "/%",
        "/%zz",
        "/a%0d%0aX-Injected:%20yes",
        "/;a=b",
        "/<script>",
        "/?",
        "/?&&&===%00",
        "/api/chain?hops=%ff",
        "/api/chain?hops=1&hops=2&hops[]=3",
        "/api/traces/%2e%2e",
        "/api/traces/%ff%ff",
        &long,
    ];
    for target in targets {
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(&server, head);
        assert_answered(&answer, target);
        assert!(!answer.contains("X-Injected"), "{target}");
    }
    let spans = receiver.wait(SOON, "the span of the last request", |all| {
        let long = |query: &str| query.len() > 8_000;
        let query = |span: &otlp_receiver::ReceivedSpan| {
            span.attributes.get("url.query").and_then(|query| query.as_str()).is_some_and(long)
        };
        all.spans.iter().any(query).then(|| all.spans.clone())
    });
    let known = ["GET", "HTTP", "GET /", "GET /health", "GET /api/chain"];
    for span in spans {
        assert!(known.contains(&&*span.name), "{}", span.name);
    }
}

#[test]
fn headers_are_answered_up_to_kibibytes_and_rejected_from_a_mebibyte() {
    let server = server();
    let head = |lines: &str| {
        format!("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n")
    };
    let names =
        ["X-Long", "User-Agent", "Accept", "traceparent", "tracestate", "baggage", "Cookie"];
    for name in names {
        let line = |length| format!("{name}: {}\r\n", "z".repeat(length));
        let answer = exchange(&server, head(&line(8 << 10)));
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        assert_rejected(&exchange(&server, head(&line(1 << 20))), name);
        let invalid = [
            format!("GET /health HTTP/1.1\r\nHost: x\r\n{name}: ").as_bytes(),
            b"\xff\xfe\xc0\x80\r\nConnection: close\r\n\r\n",
        ]
        .concat();
        assert_answered(&exchange(&server, invalid), name);
    }
    let many = |count| (0..count).fold(String::new(), |all, n| all + &format!("X-{n}: {n:05}\r\n"));
    for count in [90, 2_000] {
        assert_answered(&exchange(&server, head(&many(count))), "many headers");
    }
    let long = "z".repeat(1 << 20);
    assert_rejected(&exchange(&server, head(&many(1 << 17))), "a mebibyte of headers");
    assert_rejected(&exchange(&server, head(&format!("Host: {long}\r\n"))), "a long host");
    assert_rejected(&exchange(&server, format!("GET /{long} HTTP/1.1\r\n\r\n")), "a long target");
    server.end();
}

#[test]
fn truncated_and_invalid_bodies_block_no_other_request() {
    let server = server();
    let unread = format!("Content-Length: 100000\r\n\r\n{}", "x".repeat(100_000));
    let bodies = [
        "Content-Length: 1000\r\n\r\nless than announced",
        "Content-Length: 18446744073709551615\r\n\r\nx",
        "Content-Length: -1\r\n\r\nx",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
        "Transfer-Encoding: chunked\r\n\r\nno number\r\nx\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /health",
        &unread,
    ];
    for path in ["/health", "/api/users", "/nowhere"] {
        for body in bodies {
            let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{body}");
            // One client disconnects, another waits for an answer.
            Connection::open(server.address).send(&request);
            let mut waiting = Connection::open(server.address);
            waiting.send(&request);
            server.still_answers();
            waiting.finish();
            assert_rejected(&waiting.read_to_end(), &request);
        }
    }
    server.still_answers();
    server.end();
}

#[test]
fn garbage_is_rejected_and_does_not_harm_the_answers_before_it() {
    let server = server();
    let request = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"\xff\xfe\xfd no request at all\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"{\"json\": \"where a request should be\"}\r\n\r\n",
    ] {
        let text = String::from_utf8_lossy(garbage);
        assert_rejected(&exchange_all(&server, garbage), &text);
        let answers =
            exchange_all(&server, [request.as_bytes(), request.as_bytes(), garbage].concat());
        assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{text:?}: {answers}");
    }
    // Half a request, from a client that disconnects.
    Connection::open(server.address).send("GET /health HTTP/1.1\r\nHost: loc");
    server.still_answers();
    server.end();
}

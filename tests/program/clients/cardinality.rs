//! Clients that never send the same request twice: random names create no metric series and use no memory.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::iter::repeat_with;
use std::net::TcpStream;

use otlp_receiver::{ReceivedMetric, Receiver, Signal};

use crate::process::{Program, Server};
use crate::support::SOON;
use crate::support::http::Connection;

/// Requests in each half of the test.
const HALF: usize = 50_000;

/// Connections with one request in flight each. A client reads an answer before it sends the next
/// request: hyper may drop requests that come earlier (docs/reliability.md).
const CONNECTIONS: usize = 25;

/// More than known and unknown methods on known and unknown routes make.
const MAX_SERIES: usize = 60;

fn word() -> String {
    repeat_with(fastrand::alphanumeric).take(12).collect()
}

/// A request's method and text.
fn request() -> (String, String) {
    let known = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    let method = match fastrand::usize(..2 * known.len()) {
        number if number < known.len() => known[number].to_owned(),
        _ => format!("M{}", word()),
    };
    let path = match fastrand::u8(..4) {
        0 => format!("/health?q={}", word()),
        1 => format!("/api/{}/{}", word(), word()),
        _ => format!("/{}?{}={}", word(), word(), word()),
    };
    let (host, agent) = (word(), word());
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}.example:{}\r\nUser-Agent: {agent}\r\n\r\n",
        fastrand::u16(1..)
    );
    (method, text)
}

/// Reads an answer to its end. A client that disconnects earlier would add a series.
fn read_answer(client: &mut BufReader<TcpStream>, method: &str) -> std::io::Result<()> {
    let (mut head, mut length) = (String::new(), None);
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        if client.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = head[start..].to_ascii_lowercase();
        length = line.strip_prefix("content-length:").map(|n| n.trim().parse()).or(length);
    }
    assert!(head.starts_with("HTTP/1.1 "), "{head}");
    if method != "HEAD" {
        let length = length.unwrap_or_else(|| panic!("no length in {head}"));
        let mut body = vec![0; length.expect("a number")];
        client.read_exact(&mut body)?;
    }
    Ok(())
}

/// Sends this many requests, and reads every answer.
fn ask(server: &Server, count: usize) {
    let connect = || BufReader::new(Connection::open(server.address).0);
    let mut clients: Vec<_> = repeat_with(connect).take(CONNECTIONS).collect();
    for _ in 0..count / CONNECTIONS {
        let requests: Vec<_> = repeat_with(request).take(CONNECTIONS).collect();
        for (client, (_, text)) in clients.iter_mut().zip(&requests) {
            client.get_mut().write_all(text.as_bytes()).expect("the server reads");
        }
        for (client, (method, text)) in clients.iter_mut().zip(&requests) {
            read_answer(client, method).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}

/// Every series of the last export, as text.
fn series(receiver: &Receiver) -> Vec<String> {
    receiver.clear();
    // The first may have begun before the requests ended; the third begins after the second.
    receiver.wait_for_requests(Signal::Metrics, 3, SOON);
    let all = receiver.metrics();
    let mut found = Vec::new();
    for ReceivedMetric { name, points, .. } in all {
        for point in points {
            let mut text = name.clone();
            let _ = write!(text, " {:?}", point.attributes);
            found.push(text);
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_hundred_thousand_requests_with_random_paths_methods_and_hosts_add_no_series_and_no_memory() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let server = Program::new(
        &["serve", "--port", "0"],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
            ("OTEL_LOG_LEVEL", "info"),
        ],
    )
    .start();
    let halves = [HALF, HALF].map(|count| {
        ask(&server, count);
        server.still_answers();
        (server.memory(), series(&receiver))
    });
    let [(early, first), (late, second)] = halves;
    println!("{} series; {early} bytes after one half, {late} after the other", second.len());
    assert_eq!(first, second, "new names in the second half add no series");
    assert!((10..MAX_SERIES).contains(&second.len()), "{second:#?}");
    assert!(!second.iter().any(|series| series.contains("overflow")), "{second:#?}");
    let growth = late.saturating_sub(early);
    assert!(growth < 4 << 20, "{growth} bytes for {HALF} requests");
    server.end();
}

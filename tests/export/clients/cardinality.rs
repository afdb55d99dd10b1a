//! Clients that never ask the same twice: what they make up makes no series and takes no memory.

use std::fmt::Write as _;
use std::io::Read;
use std::iter::repeat_with;

use super::{Client, still_answers};
use crate::kit::{Program, SOON, Server};
use crate::support::otlp::{ReceivedMetric, Receiver, Signal};

/// Requests in each half of the test.
const HALF: usize = 50_000;

/// Sent before their answers are read.
const BATCH: usize = 250;

/// Known and unknown methods to known and unknown routes: far fewer than this.
const MOST_SERIES: usize = 60;

fn word() -> String {
    repeat_with(fastrand::alphanumeric).take(12).collect()
}

fn request() -> String {
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
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}.example:{}\r\nUser-Agent: {agent}\r\n\r\n",
        fastrand::u16(1..)
    )
}

/// Asks this often, on one connection, and waits for every answer.
fn ask(server: &Server, count: usize) {
    let mut client = Client::connect(server.address);
    for _ in 0..count / BATCH {
        let requests: Vec<_> = repeat_with(request).take(BATCH).collect();
        client.send(requests.concat());
        let mut answered = 0;
        let mut text = String::new();
        while answered < BATCH {
            let mut buffer = [0; 16_384];
            let read = client.0.read(&mut buffer).unwrap_or_else(|error| {
                let (last, next) = (requests.get(answered.wrapping_sub(1)), requests.get(answered));
                panic!("{answered} of {BATCH} answered, then {error}: {last:?}, not {next:?}")
            });
            assert!(read > 0, "the connection lives on: {answered} of {BATCH} are answered");
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            answered += text.matches("HTTP/1.1 ").count();
            // Half a status line is read with its other half.
            text = text.rsplit("HTTP/1.1 ").next().unwrap_or_default().to_owned();
            text = text.split_off(text.len().saturating_sub(8));
        }
    }
}

/// Every series of the last export, as text.
fn series(receiver: &Receiver) -> Vec<String> {
    receiver.clear();
    // The first may have been under way already; the third was begun when the second had come.
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
fn a_hundred_thousand_requests_of_random_path_method_and_host_make_no_series_and_take_no_memory() {
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
        still_answers(&server);
        (server.memory(), series(&receiver))
    });
    let [(early, first), (late, second)] = halves;
    println!("{} series; {early} bytes after one half, {late} after the other", second.len());
    assert_eq!(first, second, "what is new in the second half is no new series");
    assert!((10..MOST_SERIES).contains(&second.len()), "{second:#?}");
    assert!(!second.iter().any(|series| series.contains("overflow")), "{second:#?}");
    let growth = late.saturating_sub(early);
    assert!(growth < 4 << 20, "{growth} bytes for {HALF} requests");
    assert_eq!(server.end().code, Some(0));
}

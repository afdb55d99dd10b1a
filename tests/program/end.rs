//! A signal ends the server in time, with every span of every request exported or counted.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use opentelemetry_autoconfigure::SHUTDOWN_TIMEOUT;

use otlp_receiver::{Behaviour, Receiver, Signal};

use crate::process::{Ended, Program, Server};
use crate::support::http::send;
use crate::support::{SOON, poll};
use crate::{PROTOCOLS, over_both};

/// Longest shutdown without requests in flight.
const BOUND: Duration = Duration::from_secs(5);

#[track_caller]
fn end_in_time(server: Server, signal: &str) -> Ended {
    let began = Instant::now();
    server.signal(signal);
    let ended = server.wait();
    assert!(began.elapsed() < BOUND, "{:?}: {ended:?}", began.elapsed());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

#[test]
fn every_span_of_every_answered_request_is_exported_before_the_end() {
    for (protocol, signal) in PROTOCOLS.into_iter().zip(["TERM", "INT"]) {
        let receiver = Receiver::start();
        let variables =
            [("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
        let server = Program::serving(&receiver, &variables).start();
        let trace = server.get("/api/process").trace_id();
        for _ in 0..20 {
            assert_eq!(server.get("/health").status, 200);
        }
        let ended = end_in_time(server, signal);
        let spans = receiver.spans();
        assert_eq!(spans.len(), 25, "{protocol}: {receiver:?}");
        assert_eq!(spans.iter().filter(|span| span.trace_id == trace).count(), 5);
        assert!(ended.stderr.contains("traces: 25 exported by otlp, none lost"), "{ended:?}");
    }
}

#[test]
fn a_request_in_flight_is_answered_and_its_spans_are_exported() {
    let receiver = Receiver::start();
    let server = Program::serving(&receiver, &[]).start();
    let pending = send(server.address, "GET /api/process", &[]);
    // The span of the first of three steps.
    receiver.wait_for_spans(1, SOON);
    server.signal("TERM");
    let answer = pending.answer();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains(r#""status":"success""#), "{answer:?}");
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let spans = receiver.spans();
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    let all =
        ["GET /api/process", "process_data", "process_request", "save_results", "validate_data"];
    assert_eq!(names, all);
    assert!(spans.iter().all(|span| span.trace_id == answer.trace_id()));
}

#[test]
fn open_connections_do_not_delay_the_shutdown() {
    let receiver = Receiver::start();
    let server = Program::serving(&receiver, &[]).start();
    // One is idle after its answer, one has never sent a request.
    let mut idle = TcpStream::connect(server.address).expect("the server listens");
    let silent = TcpStream::connect(server.address).expect("the server listens");
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").expect("the server reads");
    assert_ne!(idle.read(&mut [0; 1024]).expect("the server answers"), 0);
    end_in_time(server, "TERM");
    assert_eq!(receiver.spans().len(), 1);
    drop((idle, silent));
}

#[test]
fn a_request_that_never_ends_is_aborted_and_its_spans_are_exported() {
    let receiver = Receiver::start();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let downstream = format!("http://{}", silent.local_addr().expect("bound"));
    let server = Program::serving(&receiver, &[("DOWNSTREAM_URL", &downstream)]).start();
    let pending = send(server.address, "GET /api/chain?hops=1", &[]);
    let _waiting = silent.accept().expect("the server asks");
    let began = Instant::now();
    let ended = server.end();
    // The call itself times out after 10 s.
    assert!(began.elapsed() < BOUND + Duration::from_secs(2), "{ended:?}");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("Error: some requests did not end in time"), "{ended:?}");
    drop(pending);
    let names: BTreeSet<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["GET", "GET /api/chain"].map(str::to_owned).into());
}

#[test]
fn an_open_event_stream_does_not_delay_the_shutdown() {
    let receiver = Receiver::start();
    let server = Program::serving(&receiver, &[]).start();
    let watching = send(server.address, "GET /api/traces/live", &[]).begun();
    server.get("/health");
    end_in_time(server, "TERM");
    assert!(watching.answer().body.contains("event:traces"));
    // The stream itself is not traced.
    assert_eq!(receiver.spans().len(), 1);
}

#[test]
fn a_hanging_collector_does_not_delay_the_shutdown_and_a_second_signal_is_harmless() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_LOGS_EXPORTER", "otlp"),
        ];
        let mut server = Program::serving(&receiver, &variables).start();
        assert_eq!(server.get("/health").status, 200);
        receiver.wait_for_requests(Signal::Traces, 1, SOON);
        let began = Instant::now();
        server.signal("TERM");
        poll("closed port", || TcpStream::connect(server.address).err());
        if server.is_running() {
            server.signal("TERM");
        }
        let ended = server.wait();
        let took = began.elapsed();
        assert!(took < SHUTDOWN_TIMEOUT + Duration::from_secs(3), "{took:?}: {ended:?}");
        assert!(ended.stderr.contains("traces: 0 exported by otlp, 1 lost"), "{ended:?}");
    });
}

#[test]
fn an_unreachable_collector_does_not_delay_the_shutdown() {
    let receiver = Receiver::start();
    receiver.stop();
    let server = Program::serving(&receiver, &[("OTEL_METRICS_EXPORTER", "otlp")]).start();
    server.get("/api/users");
    let ended = end_in_time(server, "TERM");
    assert!(ended.stderr.contains("traces: 0 exported by otlp, 2 lost"), "{ended:?}");
}

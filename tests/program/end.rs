//! A signal ends the server in time, and no span of an answered request is lost.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use otlp_receiver::Receiver;

use crate::process::Program;
use crate::support::SOON;
use crate::support::http::{ask, send};
use crate::{PROTOCOLS, over_both};

/// Longest shutdown without requests in flight.
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn every_span_of_every_answered_request_is_exported_before_the_end() {
    for (protocol, signal) in PROTOCOLS.into_iter().zip(["TERM", "INT"]) {
        let receiver = Receiver::start();
        let variables = [protocol, ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
        let server = Program::serving(&receiver, &variables).start();
        let trace = server.get("/api/process").trace_id();
        (0..20).for_each(|_| server.still_answers());
        let ended = server.end_within(signal, LIMIT);
        let spans = receiver.spans();
        assert_eq!(spans.len(), 25, "{protocol:?}: {receiver:?}");
        assert_eq!(spans.iter().filter(|span| span.trace_id == trace).count(), 5);
        assert!(ended.stderr.contains("traces: 25 exported by otlp, none lost"), "{ended:?}");
    }
}

/// Sends requests until one has no answer, and returns the trace of each answer.
fn ask_until_the_end(address: SocketAddr, is_busy: &AtomicBool) -> Vec<String> {
    let mut traces = Vec::new();
    while let Ok(answer) = ask(address, "GET /health", &[])
        && answer.status == 200
    {
        is_busy.store(true, Ordering::Relaxed);
        traces.push(answer.trace_id());
    }
    traces
}

#[test]
fn a_sigterm_under_load_loses_no_span_of_an_answered_request() {
    for turn in 0..5 {
        let receiver = Receiver::start();
        let server = Program::serving(&receiver, &[]).start();
        let busy: [_; 4] = std::array::from_fn(|_| AtomicBool::new(false));
        let address = server.address;
        let (answered, ended) = std::thread::scope(|threads| {
            let clients: Vec<_> = busy
                .iter()
                .map(|is_busy| threads.spawn(|| ask_until_the_end(address, is_busy)))
                .collect();
            // When the signal arrives, every client sends requests, and exports are in flight.
            receiver.wait_for_spans(100, SOON);
            assert!(busy.iter().all(|busy| busy.load(Ordering::Relaxed)), "an idle client");
            let ended = server.end();
            let traces = clients.into_iter().flat_map(|client| client.join().expect("no panic"));
            (traces.collect::<Vec<_>>(), ended)
        });
        let spans = receiver.spans();
        let arrived: BTreeSet<_> = spans.iter().map(|span| &span.trace_id).collect();
        let lost = answered.iter().filter(|trace| !arrived.contains(trace)).count();
        assert_eq!(lost, 0, "turn {turn}: of {} answered: {ended:?}", answered.len());
        let line = format!("traces: {} exported by otlp, none lost", spans.len());
        assert!(ended.stderr.contains(&line), "turn {turn}: no {line} in {ended:?}");
    }
}

#[test]
fn a_sigkill_loses_at_most_the_last_batch() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let batches_of_ten = [
            protocol,
            ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        ];
        let server = Program::serving(&receiver, &batches_of_ten).start();
        let traces: Vec<_> = (0..38).map(|_| server.get("/health").trace_id()).collect();
        receiver.wait_for_spans(30, SOON);
        server.signal("KILL");
        let ended = server.wait();
        assert_eq!(ended.code, None, "a killed process has no code: {ended:?}");
        // Batches in flight at the same time arrive in any order.
        let arrived: BTreeSet<_> = receiver.spans().into_iter().map(|span| span.trace_id).collect();
        let sent: BTreeSet<_> = traces[..30].iter().cloned().collect();
        assert_eq!(arrived, sent, "{protocol:?}: not all batches but the last");
    });
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
    server.end_within("TERM", LIMIT);
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
    let _waiting = silent.accept().expect("the server calls");
    let began = Instant::now();
    server.signal("TERM");
    let ended = server.wait();
    // The call itself times out after 10 s.
    assert!(began.elapsed() < LIMIT + Duration::from_secs(2), "{ended:?}");
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
    server.end_within("TERM", LIMIT);
    assert!(watching.answer().body.contains("event:traces"));
    // The stream itself is not traced.
    assert_eq!(receiver.spans().len(), 1);
}

//! The end by a signal: under load, at once, and with a collector that hangs.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_autoconfigure::SHUTDOWN_TIMEOUT;

use crate::kit::http::Pending;
use crate::kit::{Pair, Program, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

/// Asks until nobody answers, and tells the trace of every answer.
fn ask(address: SocketAddr, answered: &AtomicBool) -> Vec<String> {
    let mut traces = Vec::new();
    while let Some(answer) = Pending::try_answer(address, "/health") {
        answered.store(true, Ordering::Relaxed);
        traces.push(answer.trace_id());
    }
    traces
}

#[test]
fn a_sigterm_under_load_loses_no_span_of_an_answered_request() {
    for turn in 0..5 {
        let receiver = Receiver::start();
        let server = Program::serving(&receiver, &[]).start();
        let busy: Vec<_> = (0..4).map(|_| AtomicBool::new(false)).collect();
        let address = server.address;
        let (answered, ended) = std::thread::scope(|threads| {
            let asking = busy.iter().map(|busy| threads.spawn(|| ask(address, busy)));
            let asking: Vec<_> = asking.collect();
            // Every client is at it, and exports are on their way, when the signal comes.
            receiver.wait_for_spans(100, SOON);
            assert!(busy.iter().all(|busy| busy.load(Ordering::Relaxed)), "an idle client");
            let ended = server.end();
            let traces = asking.into_iter().flat_map(|asking| asking.join().expect("a client"));
            (traces.collect::<Vec<_>>(), ended)
        });
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let spans = receiver.spans();
        let arrived: BTreeSet<_> = spans.iter().map(|span| &span.trace_id).collect();
        let lost = answered.iter().filter(|trace| !arrived.contains(trace)).count();
        assert_eq!(lost, 0, "turn {turn}: of {} answered: {ended:?}", answered.len());
        let line = format!("traces: {} exported by otlp, none lost", spans.len());
        assert!(ended.stderr.contains(&line), "turn {turn}: not {line}: {ended:?}");
    }
}

#[test]
fn a_sigkill_loses_no_more_than_the_last_batch() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let batches_of_ten = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        ];
        let server = Program::serving(&receiver, &batches_of_ten).start();
        let traces: Vec<_> = (0..38).map(|_| server.get("/health").trace_id()).collect();
        receiver.wait_for_spans(30, SOON);
        server.signal("KILL");
        let ended = server.wait();
        assert_eq!(ended.code, None, "a signal's end has no code: {ended:?}");
        // Batches that are on their way together overtake each other.
        let arrived: BTreeSet<_> = receiver.spans().into_iter().map(|span| span.trace_id).collect();
        let sent: BTreeSet<_> = traces[..30].iter().cloned().collect();
        assert_eq!(arrived, sent, "{protocol}: not all but the last batch");
    });
}

#[test]
fn one_worker_serves_on_and_ends_in_time_though_every_export_hangs() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        // Exports all the time, of every signal; and room for next to nothing, so that whoever
        // waited for room would wait for the collector.
        let variables: &[Pair<'_>] = &[
            ("ROCKET_WORKERS", "1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_LOGS_EXPORTER", "otlp"),
            ("OTEL_LOG_LEVEL", "debug"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "20"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "2"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "1"),
            ("OTEL_BLRP_MAX_QUEUE_SIZE", "2"),
        ];
        let server = Program::serving(&receiver, variables).start();
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            server.get("/api/error");
            receiver.wait_for_requests(signal, 1, SOON);
        }
        let began = Instant::now();
        for _ in 0..200 {
            assert_eq!(server.get("/health").status, 200);
        }
        // A worker that had waited for one export would have waited for its 10 s.
        assert!(began.elapsed() < Duration::from_secs(10), "{protocol}: {:?}", began.elapsed());
        let began = Instant::now();
        server.signal("TERM");
        // What does not end by itself must not be kept by being told twice.
        server.signal_if_running("TERM");
        let ended = server.wait();
        let took = began.elapsed();
        assert!(
            took < SHUTDOWN_TIMEOUT + Duration::from_secs(5),
            "{protocol}: {took:?}: {ended:?}"
        );
        assert!(ended.stderr.contains("traces: 0 exported by otlp, 203 lost"), "{ended:?}");
    });
}

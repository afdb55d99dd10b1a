//! No deadlock: any thread may end spans, flush and shut down.

use std::time::{Duration, Instant};

use crate::support::{Pipeline, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

/// A runtime with one worker, which the test would find blocked.
fn one_worker() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
}

/// A runtime that runs only while it is waited for.
fn no_worker() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn ending_spans_never_waits_for_a_collector_that_hangs() {
    over_both(|receiver| {
        receiver.set(Behaviour::Hang);
        let pipeline = receiver.pipeline(&[
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
        ]);
        pipeline.end_spans("first", 1);
        receiver.wait_for_requests(Signal::Traces, 1, SOON);
        let began = Instant::now();
        pipeline.end_spans("more", 10_000);
        let took = began.elapsed();
        // The export that hangs would be waited for 10 s.
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(pipeline.shutdown(), (0, 10_001));
    });
}

#[test]
fn a_shutdown_works_from_plain_threads_and_from_spawn_blocking() {
    over_both(|receiver| {
        let make = || {
            let pipeline = receiver.pipeline(&[("OTEL_METRICS_EXPORTER", "otlp")]);
            pipeline.end_spans("last", 1);
            pipeline
        };
        let pipeline = make();
        let plain = std::thread::spawn(move || pipeline.0.shutdown());
        plain.join().expect("a plain thread");
        for runtime in [one_worker(), no_worker()] {
            let pipeline = make();
            let shutdown = runtime.spawn_blocking(move || pipeline.shutdown());
            assert_eq!(runtime.block_on(shutdown).expect("no panic"), (1, 0));
        }
        assert_eq!(receiver.spans().len(), 3);
    });
}

#[test]
fn a_flush_on_the_only_worker_of_a_runtime_does_not_deadlock() {
    over_both(|receiver| {
        let pipeline = receiver.pipeline(&[("OTEL_METRICS_EXPORTER", "otlp")]);
        pipeline.end_spans("worker", 3);
        pipeline.count("worker", 1);
        let runtime = one_worker();
        // Against the advice: it blocks the worker, and yet nothing it waits for needs the worker.
        let flushed = runtime.spawn(async move { (pipeline.0.flush(), pipeline.0.shutdown()) });
        let (flushed, statuses) = runtime.block_on(flushed).expect("no panic");
        flushed.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(statuses[0].exported, 3);
        assert_eq!(receiver.spans().len(), 3);
    });
}

#[test]
fn a_telemetry_can_be_built_and_dropped_within_a_runtime() {
    let receiver = Receiver::start();
    for runtime in [one_worker(), no_worker()] {
        runtime.block_on(async {
            let pipeline = Pipeline::to(&receiver, &[]);
            pipeline.end_spans("dropped", 1);
        });
    }
    // Without a shutdown nothing is lost, only its report.
    receiver.wait_for_spans(2, SOON);
}

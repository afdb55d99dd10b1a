//! Exports that are on their way together: a slow collector must not set the pace.

use crate::kit::{Pipeline, SOON, over_both, poll};
use otlp_receiver::{Behaviour, Receiver, Signal};

/// Exports that a lane has on their way at most.
const AT_ONCE: usize = 8;

fn pipeline(receiver: &Receiver, protocol: &str) -> Pipeline {
    let variables = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "120000"),
    ];
    Pipeline::to(receiver, &variables)
}

#[test]
fn batches_do_not_wait_for_each_other() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        let pipeline = pipeline(&receiver, protocol);
        pipeline.end_spans("held", 10 * AT_ONCE + 5);
        // None is answered: so all of them are on their way.
        receiver.wait_for_requests(Signal::Traces, AT_ONCE, SOON);
        receiver.set(Behaviour::Accept);
        // The cut exports fail, and go again: one at first, to see whether the collector is back.
        receiver.stop();
        poll("failed export", || pipeline.traces().detail);
        receiver.restart();
        receiver.wait_for_spans(10 * AT_ONCE + 5, SOON);
        let traces = pipeline.0.shutdown().remove(0);
        assert_eq!((traces.exported, traces.dropped), (10 * AT_ONCE as u64 + 5, 0), "{protocol}");
        assert_eq!(receiver.spans().len(), 10 * AT_ONCE + 5, "{protocol}: a span came twice");
    });
}

#[test]
fn after_a_failure_one_batch_finds_out_whether_the_collector_is_back() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::ResourceExhausted { retry_after: None });
        let pipeline = pipeline(&receiver, protocol);
        pipeline.end_spans("first", 10);
        poll("failed export", || pipeline.traces().detail);
        pipeline.end_spans("more", 10 * AT_ONCE);
        let before = receiver.request_count(Signal::Traces);
        receiver.set(Behaviour::Hang);
        receiver.wait_for_requests(Signal::Traces, before + 1, SOON);
        // Whatever would go with it is sent in the same turn, before anything is waited for.
        pipeline.end_spans("later", 10);
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(receiver.request_count(Signal::Traces), before + 1, "{protocol}");
    });
}

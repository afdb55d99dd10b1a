//! Every span that ended was taken by a backend or is counted as dropped: never both, never
//! neither.

use std::time::Duration;

use opentelemetry_autoconfigure::{Signal as Exported, State};

use crate::support::{Pair, Pipeline, SOON, Target, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

/// A pipeline that gives up soon, but not where a busy machine is late: what it gave up and the
/// receiver took all the same would come twice.
#[track_caller]
fn impatient(receiver: &Target, more: &[Pair<'_>]) -> Pipeline {
    receiver.pipeline(&[&[("OTEL_EXPORTER_OTLP_TIMEOUT", "1500")], more].concat())
}

/// After the end nothing is pending: what arrived and what was dropped add up.
#[track_caller]
fn settle(pipeline: &Pipeline, receiver: &Receiver, ended: u64) -> (u64, u64) {
    let (exported, dropped) = pipeline.shutdown();
    assert_eq!(exported + dropped, ended);
    assert_eq!(exported, receiver.spans().len() as u64);
    (exported, dropped)
}

#[test]
fn accepted_spans_are_exported_once_and_none_is_dropped() {
    over_both(|receiver| {
        let pipeline = receiver.pipeline(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100")]);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| pipeline.end_spans("accepted", 500));
            }
        });
        assert_eq!(settle(&pipeline, receiver, 2_000), (2_000, 0));
        let ids: std::collections::HashSet<_> =
            receiver.spans().into_iter().map(|span| span.span_id).collect();
        assert_eq!(ids.len(), 2_000, "a span came twice");
    });
}

#[test]
fn a_final_refusal_drops_the_batch_and_the_flush_says_why() {
    for (behaviour, grpc, http) in [
        (Behaviour::Unimplemented, "Unimplemented", "404"),
        (Behaviour::Unauthenticated, "Unauthenticated", "401"),
    ] {
        for (protocol, why) in [("grpc", grpc), ("http/protobuf", http)] {
            let receiver = Target::new(protocol);
            receiver.set(behaviour.clone());
            let pipeline = impatient(&receiver, &[]);
            pipeline.end_spans("refused", 5);
            let error = pipeline.flush_error();
            assert!(error.contains(why), "{protocol}: {error}");
            assert_eq!(receiver.request_count(Signal::Traces), 1, "{protocol}: no retry");
            let status = pipeline.traces();
            assert_eq!((status.state, status.dropped), (State::Failing, 5), "{protocol}");
            assert!(status.detail.expect("a reason").contains(why), "{protocol}");
            // It is the batch that is refused, not those after it.
            receiver.set(Behaviour::Accept);
            pipeline.end_spans("taken", 3);
            pipeline.flush();
            assert_eq!(pipeline.traces().state, State::Ok);
            assert_eq!(settle(&pipeline, &receiver, 8), (3, 5), "{protocol}");
        }
    }
}

#[test]
fn what_a_backend_rejects_of_a_batch_is_counted_as_dropped() {
    over_both(|receiver| {
        let message = "two too many".to_owned();
        receiver.next(Signal::Traces, Behaviour::PartialSuccess { rejected: 2, message });
        let pipeline = impatient(receiver, &[]);
        pipeline.end_spans("rejected in part", 7);
        pipeline.flush();
        let status = pipeline.traces();
        assert_eq!((status.exported, status.dropped), (5, 2));
        assert_eq!(receiver.request_count(Signal::Traces), 1, "no retry");
        pipeline.end_spans("taken", 1);
        pipeline.flush();
        let status = pipeline.traces();
        assert_eq!((status.exported, status.dropped), (6, 2));
    });
}

#[test]
fn a_flush_that_fails_keeps_the_spans_for_the_next() {
    for (behaviour, grpc, http) in
        [(Behaviour::Unavailable, "Unavailable", "503"), (Behaviour::Hang, "1.5s", "1.5s")]
    {
        for (protocol, why) in [("grpc", grpc), ("http/protobuf", http)] {
            let receiver = Target::new(protocol);
            receiver.set(behaviour.clone());
            let pipeline = impatient(&receiver, &[]);
            pipeline.end_spans("kept", 5);
            let error = pipeline.flush_error();
            let named = error.contains(why) || error.contains("no response within");
            assert!(named, "{protocol}: {error}");
            assert_eq!(pipeline.traces().state, State::Failing);
            assert_eq!(pipeline.traces().dropped, 0, "{protocol}");
            receiver.set(Behaviour::Accept);
            pipeline.flush();
            assert_eq!(settle(&pipeline, &receiver, 5), (5, 0), "{protocol}");
        }
    }
}

#[test]
fn a_throttled_batch_is_exported_after_the_pause_that_an_http_backend_asks_for() {
    // The exporters return no delay of gRPC's: there the pauses of the backoff apply.
    for (protocol, at_least) in [("grpc", 100), ("http/protobuf", 1_000)] {
        let receiver = Target::new(protocol);
        let retry_after = Some(Duration::from_secs(1));
        receiver.next(Signal::Traces, Behaviour::ResourceExhausted { retry_after });
        let pipeline = receiver.pipeline(&[]);
        pipeline.end_spans("throttled", 5);
        pipeline.flush();
        let requests = receiver.wait_for_requests(Signal::Traces, 2, SOON);
        let waited = requests[1].at - requests[0].at;
        assert!(waited >= Duration::from_millis(at_least), "{protocol}: {waited:?}");
        assert_eq!(settle(&pipeline, &receiver, 5), (5, 0), "{protocol}");
    }
}

#[test]
fn every_exporter_has_counts_of_its_own() {
    let receiver = Target::new("grpc");
    receiver.set_for(Signal::Metrics, Behaviour::Unimplemented);
    let pipeline = impatient(&receiver, &[("OTEL_METRICS_EXPORTER", "otlp")]);
    pipeline.end_spans("taken", 2);
    pipeline.count("refused", 1);
    pipeline.flush_error();
    let (traces, metrics) = (pipeline.traces(), pipeline.status(Exported::Metrics));
    assert_eq!((traces.state, traces.exported, traces.dropped), (State::Ok, 2, 0));
    assert_eq!((metrics.state, metrics.exported, metrics.dropped), (State::Failing, 0, 1));
    assert!(metrics.detail.expect("a reason").contains("Unimplemented"));
}

#[test]
fn a_flush_reaches_every_signal_though_one_fails() {
    let receiver = Target::new("grpc");
    receiver.set_for(Signal::Traces, Behaviour::Unauthenticated);
    let pipeline = impatient(&receiver, &[("OTEL_METRICS_EXPORTER", "otlp")]);
    pipeline.end_spans("refused", 2);
    pipeline.count("taken", 1);
    pipeline.flush_error();
    assert!(receiver.metric("taken").is_some());
}

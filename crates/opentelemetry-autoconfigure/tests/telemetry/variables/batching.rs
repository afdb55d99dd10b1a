//! Batches of spans on the wire. Their rules have tests in `src/tests.rs`.

use std::time::Instant;

use super::Row;
use crate::support::{Pipeline, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_BSP_SCHEDULE_DELAY", an_incomplete_batch_is_exported_after_the_delay),
    ("OTEL_BSP_MAX_QUEUE_SIZE", further_spans_than_the_queue_has_room_for_are_dropped_and_counted),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", a_request_has_at_most_a_batch_of_spans),
    ("OTEL_BSP_EXPORT_TIMEOUT", an_export_of_spans_ends_with_its_timeout),
];

#[test]
fn an_incomplete_batch_is_exported_after_the_delay() {
    let patient = Receiver::start();
    let slow = Pipeline::to(&patient, &[("OTEL_BSP_SCHEDULE_DELAY", "3600000")]);
    slow.end_spans("late", 1);
    let hasty = Receiver::start();
    let quick = Pipeline::to(&hasty, &[("OTEL_BSP_SCHEDULE_DELAY", "1")]);
    quick.end_spans("early", 1);
    let began = Instant::now();
    hasty.wait_for_spans(1, SOON);
    // The default is 5 s.
    assert!(began.elapsed().as_millis() < 4_000, "{:?}", began.elapsed());
    assert_eq!(patient.spans(), []);
    slow.flush();
    assert_eq!(patient.spans().len(), 1);
}

#[test]
fn further_spans_than_the_queue_has_room_for_are_dropped_and_counted() {
    over_both(|receiver| {
        receiver.set(Behaviour::Unavailable);
        let pipeline = receiver
            .pipeline(&[("OTEL_BSP_MAX_QUEUE_SIZE", "10"), ("OTEL_BSP_SCHEDULE_DELAY", "1")]);
        pipeline.end_spans("more", 40);
        assert_eq!(pipeline.traces().dropped, 30);
        receiver.set(Behaviour::Accept);
        receiver.wait_for_spans(10, SOON);
        pipeline.flush();
        assert_eq!(receiver.spans().len(), 10);
        assert_eq!(pipeline.traces().exported, 10);
    });
}

#[test]
fn a_request_has_at_most_a_batch_of_spans() {
    let (receiver, pipeline) = Pipeline::start(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3")]);
    pipeline.end_spans("batched", 10);
    pipeline.flush();
    assert_eq!(receiver.spans().len(), 10);
    assert_eq!(receiver.request_count(Signal::Traces), 4);
}

#[test]
fn a_batch_larger_than_the_queue_is_as_large_as_the_queue() {
    let variables = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9"),
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
    ];
    let (receiver, pipeline) = Pipeline::start(&variables);
    pipeline.end_spans("batched", 4);
    receiver.wait_for_spans(4, SOON);
}

#[test]
fn an_export_of_spans_ends_with_its_timeout() {
    over_both(|receiver| {
        receiver.set(Behaviour::Hang);
        let pipeline = receiver.pipeline(&[("OTEL_BSP_EXPORT_TIMEOUT", "200")]);
        pipeline.end_spans("hanging", 1);
        let began = Instant::now();
        pipeline.flush_error();
        let took = began.elapsed().as_millis();
        // The protocol's own timeout, 10 s, would be far longer.
        assert!((200..5_000).contains(&took), "{took} ms");
        receiver.set(Behaviour::Accept);
    });
}

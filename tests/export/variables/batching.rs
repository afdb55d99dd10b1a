//! How spans gather before they go out.

use std::time::Instant;

use super::Row;
use crate::kit::{Pipeline, SOON, over_both, poll};
use otlp_receiver::{Behaviour, Receiver, Signal};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_BSP_SCHEDULE_DELAY", an_incomplete_batch_goes_out_when_its_time_has_come),
    ("OTEL_BSP_MAX_QUEUE_SIZE", a_queue_keeps_as_many_spans_as_it_may_and_counts_the_others),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", an_export_takes_as_many_spans_as_it_may),
    ("OTEL_BSP_EXPORT_TIMEOUT", an_export_of_spans_takes_no_longer_than_it_may),
];

#[test]
fn an_incomplete_batch_goes_out_when_its_time_has_come() {
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
fn a_queue_keeps_as_many_spans_as_it_may_and_counts_the_others() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Unavailable);
        let variables = [
            ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
            ("OTEL_BSP_SCHEDULE_DELAY", "1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ];
        let pipeline = Pipeline::to(&receiver, &variables);
        // One that is held, and so no longer in the queue; after its failure it goes alone.
        pipeline.end_spans("first", 1);
        pipeline.flush_error();
        // Fewer than the inbox before the queue holds, too.
        (0..5).for_each(|_| {
            pipeline.end_spans("more", 8);
            pipeline.0.deliver();
        });
        assert_eq!(pipeline.traces().dropped, 30, "{protocol}");
        receiver.set(Behaviour::Accept);
        receiver.wait_for_spans(11, SOON);
        pipeline.flush();
        assert_eq!(receiver.spans().len(), 11, "{protocol}");
        poll("count of what arrived", || (pipeline.traces().exported == 11).then_some(()));
    });
}

#[test]
fn an_export_takes_as_many_spans_as_it_may() {
    let receiver = Receiver::start();
    let pipeline = Pipeline::to(&receiver, &[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3")]);
    pipeline.end_spans("batched", 10);
    pipeline.flush();
    assert_eq!(receiver.spans().len(), 10);
    assert_eq!(receiver.request_count(Signal::Traces), 4);
}

#[test]
fn a_full_batch_goes_out_at_once() {
    let receiver = Receiver::start();
    let variables =
        [("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
    let pipeline = Pipeline::to(&receiver, &variables);
    pipeline.end_spans("batched", 9);
    receiver.wait_for_spans(8, SOON);
    assert_eq!(receiver.spans().len(), 8);
}

#[test]
fn a_batch_larger_than_the_queue_is_as_large_as_the_queue() {
    let receiver = Receiver::start();
    let variables = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9"),
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
    ];
    let pipeline = Pipeline::to(&receiver, &variables);
    pipeline.end_spans("batched", 4);
    receiver.wait_for_spans(4, SOON);
}

#[test]
fn an_export_of_spans_takes_no_longer_than_it_may() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        let variables =
            [("OTEL_BSP_EXPORT_TIMEOUT", "200"), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
        let pipeline = Pipeline::to(&receiver, &variables);
        pipeline.end_spans("hanging", 1);
        let began = Instant::now();
        pipeline.flush_error();
        let took = began.elapsed().as_millis();
        // The protocol's own timeout, 10 s, would be far longer.
        assert!((200..5_000).contains(&took), "{protocol}: {took} ms");
        receiver.set(Behaviour::Accept);
    });
}

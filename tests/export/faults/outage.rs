//! Collectors that go and come back.

use std::time::Duration;

use crate::kit::{Pipeline, SOON, over_both, poll};
use otlp_receiver::{Behaviour, Receiver, Signal};

#[test]
fn an_outage_shorter_than_the_queue_loses_nothing() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_SCHEDULE_DELAY", "5"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "1000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
        ];
        let pipeline = Pipeline::to(&receiver, &variables);
        pipeline.end_spans("before", 100);
        receiver.wait_for_spans(100, SOON);
        receiver.stop();
        pipeline.end_spans("during", 500);
        pipeline.flush_error();
        assert_eq!(pipeline.traces().dropped, 0);
        receiver.restart();
        pipeline.end_spans("after", 100);
        // Without a flush: it finds out by itself.
        receiver.wait_for_spans(700, SOON);
        let statuses = pipeline.0.shutdown();
        assert_eq!((statuses[0].exported, statuses[0].dropped), (700, 0), "{protocol}");
        let ids: std::collections::HashSet<_> =
            receiver.spans().into_iter().map(|span| span.span_id).collect();
        assert_eq!((ids.len(), receiver.spans().len()), (700, 700), "{protocol}");
    });
}

#[test]
fn a_collector_that_comes_late_gets_what_was_before_it() {
    let receiver = Receiver::start();
    receiver.stop();
    let pipeline = Pipeline::to(&receiver, &[("OTEL_BSP_SCHEDULE_DELAY", "1")]);
    pipeline.end_spans("early", 3);
    poll("failed export", || pipeline.traces().detail);
    receiver.restart();
    receiver.wait_for_spans(3, SOON);
}

#[test]
fn an_outage_longer_than_the_queue_costs_the_newest_spans_and_no_others() {
    let receiver = Receiver::start();
    receiver.stop();
    let variables = [
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
    ];
    let pipeline = Pipeline::to(&receiver, &variables);
    pipeline.end_spans("first", 10);
    pipeline.flush_error();
    // Ten are held for another try, ten wait in the queue.
    pipeline.end_spans("second", 10);
    pipeline.0.deliver();
    for _ in 0..9 {
        pipeline.end_spans("third", 10);
        pipeline.0.deliver();
    }
    assert_eq!(pipeline.traces().dropped, 90);
    receiver.restart();
    receiver.wait_for_spans(20, SOON);
    let statuses = pipeline.0.shutdown();
    assert_eq!((statuses[0].exported, statuses[0].dropped), (20, 90));
    assert!(receiver.spans().iter().all(|span| span.name != "third"));
}

#[test]
fn a_batch_that_was_refused_for_now_is_sent_again_once() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        for _ in 0..6 {
            receiver.next(Signal::Traces, Behaviour::Unavailable);
        }
        let variables =
            [("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), ("OTEL_BSP_SCHEDULE_DELAY", "1")];
        let pipeline = Pipeline::to(&receiver, &variables);
        pipeline.end_spans("retried", 4);
        receiver.wait_for_spans(4, SOON);
        poll("count of what arrived", || (pipeline.traces().exported == 4).then_some(()));
        assert_eq!(receiver.spans().len(), 4, "{protocol}");
        assert_eq!(receiver.request_count(Signal::Traces), 7, "{protocol}");
    });
}

#[test]
fn attempts_grow_rarer_while_a_collector_is_away() {
    let receiver = Receiver::start();
    receiver.set(Behaviour::Unavailable);
    let variables = [("OTEL_BSP_SCHEDULE_DELAY", "1"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "50")];
    let pipeline = Pipeline::to(&receiver, &variables);
    pipeline.end_spans("away", 1);
    let requests = receiver.wait_for_requests(Signal::Traces, 3, SOON);
    let pauses: Vec<_> = requests.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(pauses[0] >= Duration::from_millis(450), "{pauses:?}");
    assert!(pauses[1] >= Duration::from_millis(900), "{pauses:?}");
    receiver.set(Behaviour::Accept);
}

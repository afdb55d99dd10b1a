//! The shutdown: bounded in time, and it reports what was lost.

use std::time::{Duration, Instant};

use opentelemetry_autoconfigure::{ExporterStatus, SHUTDOWN_TIMEOUT, Signal as Exported};

use crate::support::{Pipeline, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(1_500);

#[track_caller]
fn timed(pipeline: &Pipeline) -> (Vec<ExporterStatus>, Duration) {
    let began = Instant::now();
    let statuses = pipeline.0.shutdown();
    let took = began.elapsed();
    assert!(took < SHUTDOWN_TIMEOUT + SLACK, "{took:?}");
    (statuses, took)
}

fn counts(statuses: &[ExporterStatus]) -> Vec<(Exported, u64, u64)> {
    statuses.iter().map(|s| (s.signal, s.exported, s.dropped)).collect()
}

const METRICS: (&str, &str) = ("OTEL_METRICS_EXPORTER", "otlp");

#[test]
fn a_shutdown_exports_what_is_left_of_every_signal() {
    over_both(|receiver| {
        let pipeline = receiver.pipeline(&[METRICS]);
        pipeline.end_spans("last", 3);
        pipeline.count("last", 7);
        let (statuses, _) = timed(&pipeline);
        assert_eq!(receiver.spans().len(), 3);
        assert_eq!(receiver.metric("last").expect("a last export").points[0].int(), 7);
        assert_eq!(counts(&statuses), [(Exported::Traces, 3, 0), (Exported::Metrics, 1, 0)]);
    });
}

#[test]
fn a_hanging_collector_delays_a_shutdown_up_to_its_bound_and_the_loss_is_reported() {
    over_both(|receiver| {
        receiver.set(Behaviour::Hang);
        let pipeline = receiver.pipeline(&[METRICS]);
        pipeline.end_spans("hanging", 600);
        pipeline.count("hanging", 7);
        let (statuses, _) = timed(&pipeline);
        assert_eq!(counts(&statuses), [(Exported::Traces, 0, 600), (Exported::Metrics, 0, 1)]);
        for status in &statuses {
            assert!(status.detail.is_some(), "no reason in {status:?}");
        }
    });
}

#[test]
fn a_shutdown_reports_what_an_absent_collector_did_not_get() {
    over_both(|receiver| {
        receiver.stop();
        let pipeline = receiver.pipeline(&[METRICS]);
        pipeline.end_spans("lost", 5);
        pipeline.count("lost", 7);
        let (statuses, _) = timed(&pipeline);
        assert_eq!(counts(&statuses), [(Exported::Traces, 0, 5), (Exported::Metrics, 0, 1)]);
        assert!(statuses[0].detail.is_some());
    });
}

#[test]
fn one_signal_that_hangs_takes_no_time_from_the_others() {
    let receiver = Receiver::start();
    receiver.set_for(Signal::Metrics, Behaviour::Hang);
    let pipeline = Pipeline::to(&receiver, &[METRICS]);
    pipeline.end_spans("last", 3);
    pipeline.count("hanging", 7);
    let (statuses, _) = timed(&pipeline);
    assert_eq!((statuses[0].exported, statuses[0].dropped), (3, 0));
    assert_eq!(receiver.spans().len(), 3);
}

#[test]
fn spans_counted_as_lost_do_not_arrive_later() {
    over_both(|receiver| {
        receiver.set(Behaviour::Unavailable);
        let pipeline = receiver.pipeline(&[
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        ]);
        pipeline.end_spans("lost", 5);
        let (statuses, _) = timed(&pipeline);
        assert_eq!((statuses[0].exported, statuses[0].dropped), (0, 5));
        receiver.set(Behaviour::Accept);
        // A worker that still held them would retry within this time.
        let other = Pipeline::to(receiver, &[("OTEL_BSP_SCHEDULE_DELAY", "1500")]);
        other.end_spans("other", 1);
        receiver.wait_for_spans(1, SOON);
        let names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["other"]);
        assert_eq!(pipeline.traces().dropped, 5);
    });
}

#[test]
fn a_second_shutdown_changes_nothing() {
    let (receiver, pipeline) = Pipeline::start(&[]);
    pipeline.end_spans("in time", 2);
    let (statuses, _) = timed(&pipeline);
    assert_eq!((statuses[0].exported, statuses[0].dropped), (2, 0));
    let again = pipeline.0.shutdown();
    assert_eq!((again[0].exported, again[0].dropped), (2, 0));
    assert_eq!(receiver.spans().len(), 2);
}

#[test]
fn a_shutdown_without_spans_connects_to_nothing() {
    let receiver = Receiver::start();
    receiver.set(Behaviour::Hang);
    let pipeline = Pipeline::to(&receiver, &[]);
    let (_, took) = timed(&pipeline);
    assert!(took < SLACK, "{took:?}");
    assert_eq!(receiver.connection_count(), 0);
}

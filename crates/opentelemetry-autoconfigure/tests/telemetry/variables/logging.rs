//! Log records: their level, their batches and their export.

use std::time::Instant;

use log::{Level, Log as _, Record};
use opentelemetry_autoconfigure::Signal as Exported;

use super::Row;
use crate::support::{PROTOCOLS, Pair, Pipeline, SOON, over_both, poll};
use otlp_receiver::{Behaviour, Receiver, Signal};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_LOG_LEVEL", records_below_the_level_are_not_exported),
    ("OTEL_LOGS_EXPORTER", log_records_are_exported_only_if_they_are_enabled),
    ("OTEL_BLRP_SCHEDULE_DELAY", an_incomplete_batch_of_records_is_exported_after_the_delay),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", further_records_than_the_queue_has_room_for_are_counted_as_lost),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", a_request_has_at_most_a_batch_of_records),
    ("OTEL_BLRP_EXPORT_TIMEOUT", an_export_of_records_ends_with_its_timeout),
];

const ON: Pair<'_> = ("OTEL_LOGS_EXPORTER", "otlp");

/// Logs warnings through the telemetry's own logger, which is not that of the process.
fn warn(pipeline: &Pipeline, times: usize) {
    let logger = pipeline.0.logger();
    for _ in 0..times {
        logger.log(
            &Record::builder().level(Level::Warn).target("app").args(format_args!("hot")).build(),
        );
    }
}

#[test]
fn records_below_the_level_are_not_exported() {
    for (level, count) in [("error", 0), ("OFF", 0), ("none", 0), ("Warn", 3), ("info", 3)] {
        let (receiver, pipeline) = Pipeline::start(&[ON, ("OTEL_LOG_LEVEL", level)]);
        warn(&pipeline, 3);
        pipeline.flush();
        assert_eq!(receiver.logs().len(), count, "{level}");
    }
}

#[test]
fn log_records_are_exported_only_if_they_are_enabled() {
    let receiver = Receiver::start();
    let silent = Pipeline::to(&receiver, &[]);
    warn(&silent, 3);
    silent.flush();
    assert_eq!(receiver.connection_count(), 0);
    for protocol in PROTOCOLS {
        receiver.clear();
        let pipeline =
            Pipeline::to(&receiver, &[ON, ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", protocol)]);
        warn(&pipeline, 3);
        pipeline.flush();
        let logs = receiver.logs();
        assert_eq!(logs.len(), 3, "{protocol}");
        assert_eq!(logs[0].resource["service.name"], "shop");
        assert_eq!((&*logs[0].severity_text, logs[0].body.as_str()), ("WARN", Some("hot")));
    }
}

#[test]
fn a_request_has_at_most_a_batch_of_records() {
    let (receiver, pipeline) = Pipeline::start(&[ON, ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "2")]);
    warn(&pipeline, 7);
    pipeline.flush();
    assert_eq!(receiver.logs().len(), 7);
    assert!(receiver.request_count(Signal::Logs) >= 4, "{receiver:?}");
}

#[test]
fn further_records_than_the_queue_has_room_for_are_counted_as_lost() {
    let receiver = Receiver::start();
    receiver.set(Behaviour::Delay(std::time::Duration::from_millis(300)));
    let pipeline = Pipeline::to(&receiver, &[ON, ("OTEL_BLRP_MAX_QUEUE_SIZE", "3")]);
    warn(&pipeline, 100);
    let statuses = pipeline.0.shutdown();
    let logs = statuses.iter().find(|status| status.signal == Exported::Logs).expect("a status");
    // Three in flight, three in the queue, and those that came in a free moment.
    assert!((3..50).contains(&logs.exported), "{logs:?}");
    assert_eq!((logs.exported + logs.dropped, receiver.logs().len() as u64), (100, logs.exported));
}

#[test]
fn an_export_of_records_ends_with_its_timeout() {
    over_both(|receiver| {
        receiver.set(Behaviour::Hang);
        let pipeline = receiver.pipeline(&[ON, ("OTEL_BLRP_EXPORT_TIMEOUT", "200")]);
        warn(&pipeline, 1);
        let began = Instant::now();
        let _ = pipeline.0.flush();
        poll("lost record", || (pipeline.status(Exported::Logs).dropped == 1).then_some(()));
        let took = began.elapsed().as_millis();
        // The protocol's own timeout, 10 s, would be far longer.
        assert!((200..5_000).contains(&took), "{took} ms");
    });
}

#[test]
fn an_incomplete_batch_of_records_is_exported_after_the_delay() {
    let (hasty, patient) = (Receiver::start(), Receiver::start());
    let slow = Pipeline::to(&patient, &[ON, ("OTEL_BLRP_SCHEDULE_DELAY", "3600000")]);
    warn(&slow, 1);
    let quick = Pipeline::to(&hasty, &[ON, ("OTEL_BLRP_SCHEDULE_DELAY", "1")]);
    warn(&quick, 1);
    hasty.wait_for_logs(1, SOON);
    assert_eq!(patient.logs(), []);
    slow.flush();
    assert_eq!(patient.logs().len(), 1);
}

#[test]
fn the_status_of_logs_recovers_after_an_outage() {
    let receiver = Receiver::start();
    receiver.set_for(Signal::Logs, Behaviour::Unauthenticated);
    let pipeline = Pipeline::to(&receiver, &[ON]);
    warn(&pipeline, 1);
    pipeline.flush_error();
    receiver.set(Behaviour::Accept);
    warn(&pipeline, 2);
    pipeline.flush();
    let status = pipeline.status(Exported::Logs);
    assert_eq!((status.exported, status.dropped, status.detail), (2, 1, None));
}

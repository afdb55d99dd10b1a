//! Log records: how many, how soon, to whom.
//!
//! The process's logger is one, so these run the binary. It warns of each variable that it does
//! not know, and ends at once where its port is taken: as many records as a test wants.

use std::net::TcpListener;

use super::Row;
use crate::kit::pipeline::Pair;
use crate::kit::program::Ended;
use crate::kit::{PROTOCOLS, Program, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_LOG_LEVEL", records_below_the_level_are_neither_printed_nor_exported),
    ("OTEL_LOGS_EXPORTER", log_records_are_exported_only_if_asked_to),
    ("OTEL_BLRP_SCHEDULE_DELAY", an_incomplete_batch_of_records_goes_out_when_its_time_has_come),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", the_queue_keeps_as_many_records_as_it_may),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", an_export_takes_as_many_records_as_it_may),
    ("OTEL_BLRP_EXPORT_TIMEOUT", an_export_of_records_takes_no_longer_than_it_may),
];

const ON: Pair<'_> = ("OTEL_LOGS_EXPORTER", "otlp");

/// A run of the binary that warns this many times, and then fails.
#[track_caller]
fn warn(receiver: &Receiver, times: usize, more: &[Pair<'_>]) -> Ended {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let endpoint = receiver.endpoint();
    let unknown: Vec<_> = (0..times).map(|n| format!("OTEL_UNKNOWN_{n}")).collect();
    let mut variables: Vec<_> = unknown.iter().map(|name| (name.as_str(), "1")).collect();
    variables.extend([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ]);
    variables.extend(more);
    let ended = Program::new(&["serve", "--port", &port], &variables).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    ended
}

/// How many warnings arrived.
fn warnings(receiver: &Receiver) -> usize {
    let unknown = |body: &str| body.contains("OTEL_UNKNOWN_");
    receiver.logs().iter().filter(|log| log.body.as_str().is_some_and(unknown)).count()
}

#[test]
fn records_below_the_level_are_neither_printed_nor_exported() {
    for (level, some) in
        [("error", false), ("OFF", false), ("none", false), ("Warn", true), ("info", true)]
    {
        let receiver = Receiver::start();
        let ended = warn(&receiver, 3, &[ON, ("OTEL_LOG_LEVEL", level)]);
        assert_eq!(ended.stderr.contains("OTEL_UNKNOWN_"), some, "{level}: {ended:?}");
        assert_eq!(warnings(&receiver), if some { 3 } else { 0 }, "{level}");
    }
}

#[test]
fn log_records_are_exported_only_if_asked_to() {
    let receiver = Receiver::start();
    warn(&receiver, 3, &[]);
    assert_eq!(receiver.connection_count(), 0);
    for protocol in PROTOCOLS {
        receiver.clear();
        warn(&receiver, 3, &[ON, ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", protocol)]);
        assert_eq!(warnings(&receiver), 3, "{protocol}");
        assert_eq!(receiver.logs()[0].resource["service.name"], "rocket-demo-app");
        assert_eq!(receiver.logs()[0].severity_text, "WARN");
    }
}

#[test]
fn an_export_takes_as_many_records_as_it_may() {
    let receiver = Receiver::start();
    warn(&receiver, 7, &[ON, ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "2")]);
    assert_eq!(warnings(&receiver), 7);
    assert!(receiver.request_count(Signal::Logs) >= 4, "{receiver:?}");
}

#[test]
fn the_queue_keeps_as_many_records_as_it_may() {
    let receiver = Receiver::start();
    receiver.set(Behaviour::Delay(std::time::Duration::from_millis(300)));
    let ended = warn(&receiver, 100, &[ON, ("OTEL_BLRP_MAX_QUEUE_SIZE", "3")]);
    let arrived = warnings(&receiver);
    // Three under way, three in the queue, and what a free moment let in.
    assert!((3..50).contains(&arrived), "{arrived}");
    let lost = ended.stderr.lines().find(|line| line.contains("logs: "));
    assert!(lost.is_some_and(|line| line.contains("lost") && !line.contains("none")), "{ended:?}");
}

#[test]
fn an_export_of_records_takes_no_longer_than_it_may() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        let variables = [
            ON,
            ("OTEL_BLRP_EXPORT_TIMEOUT", "200"),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", protocol),
        ];
        // With the protocol's own timeout, 10 s, the process would have ended before.
        let ended = warn(&receiver, 1, &variables);
        assert!(ended.stderr.contains("logs: cannot export to"), "{ended:?}");
    });
}

#[test]
fn an_incomplete_batch_of_records_goes_out_when_its_time_has_come() {
    let receiver = Receiver::start();
    let hasty = Program::serving(&receiver, &[ON, ("OTEL_BLRP_SCHEDULE_DELAY", "1")]).start();
    receiver.wait_for_logs(1, SOON);
    hasty.end();

    let receiver = Receiver::start();
    let patient = [ON, ("OTEL_BLRP_SCHEDULE_DELAY", "3600000")];
    let patient = Program::serving(&receiver, &patient).start();
    patient.get("/api/error");
    // The default is 1 s; spans that came after the records have long arrived.
    for _ in 0..5 {
        patient.get("/api/users");
    }
    receiver.wait_for_spans(11, SOON);
    assert_eq!(receiver.logs(), []);
    patient.end();
    assert!(receiver.logs().iter().any(|log| log.body == "Simulated error for tracing"));
}

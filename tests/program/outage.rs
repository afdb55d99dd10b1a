//! Faults of a collector as the program shows them: in its log, on its page, and at its end.
//!
//! Faults that need no process are in `crates/opentelemetry-autoconfigure/tests/telemetry/faults`.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use opentelemetry_autoconfigure::SHUTDOWN_TIMEOUT;
use otlp_receiver::{Behaviour, Receiver, Signal};

use crate::over_both;
use crate::process::Program;
use crate::support::http::send;
use crate::support::{SOON, poll};

const BEGINS: &str = "cannot export to";
const ENDS: &str = "works again";

#[test]
fn the_log_has_one_line_when_an_outage_begins_and_one_when_it_ends() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Unavailable);
        let variables = [protocol, ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000")];
        let server = Program::serving(&receiver, &variables).start();
        for tries in 1..=2 {
            server.get("/health");
            receiver.wait_for_requests(Signal::Traces, tries, SOON);
        }
        let line = server.wait_for_log(BEGINS);
        for text in ["WARN", "traces", &receiver.address().to_string(), "OTEL_TRACES_EXPORTER=none"]
        {
            assert!(line.contains(text), "no {text} in {line}");
        }
        receiver.set(Behaviour::Accept);
        let line = server.wait_for_log(ENDS);
        assert!(line.contains("INFO") && line.contains("0 lost"), "{line}");
        let ended = server.end();
        for text in [BEGINS, ENDS, "traces: 2 exported by otlp, none lost"] {
            assert_eq!(ended.stderr.matches(text).count(), 1, "{text}: {ended:?}");
        }
        assert_eq!(receiver.spans().len(), 2, "{protocol:?}");
    });
}

#[test]
fn a_collector_that_accepts_no_metrics_is_logged_once() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set_for(Signal::Metrics, Behaviour::Unimplemented);
        let variables =
            [protocol, ("OTEL_METRICS_EXPORTER", "otlp"), ("OTEL_METRIC_EXPORT_INTERVAL", "20")];
        let server = Program::serving(&receiver, &variables).start();
        server.get("/health");
        receiver.wait_for_requests(Signal::Metrics, 5, SOON);
        let ended = server.end();
        let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains(BEGINS)).collect();
        let [line] = lines[..] else { panic!("{protocol:?}: not one line: {ended:?}") };
        for text in ["OTEL_METRICS_EXPORTER=none", "does not accept metrics"] {
            assert!(line.contains(text), "no {text} in {line}");
        }
        assert!(!ended.stderr.contains(ENDS), "{ended:?}");
        assert_eq!(receiver.spans().len(), 1);
    });
}

#[test]
fn the_page_shows_how_many_spans_were_dropped() {
    let receiver = Receiver::start();
    receiver.set(Behaviour::Unimplemented);
    let server = Program::serving(&receiver, &[]).start();
    (0..5).for_each(|_| server.still_answers());
    poll("count of the dropped spans", || {
        let page = send(server.address, "GET /", &[("Accept", "text/html")]).answer();
        let (before, _) = page.body.split_once(" dropped")?;
        let count = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
        (count.parse::<u32>().ok()? >= 5).then_some(())
    });
    let ended = server.end();
    assert!(ended.stderr.contains("traces: 0 exported by otlp, "), "{ended:?}");
}

#[test]
fn an_unreachable_collector_does_not_delay_the_shutdown() {
    let receiver = Receiver::start();
    receiver.stop();
    let server = Program::serving(&receiver, &[("OTEL_METRICS_EXPORTER", "otlp")]).start();
    server.get("/api/users");
    let ended = server.end_within("TERM", Duration::from_secs(5));
    assert!(ended.stderr.contains("traces: 0 exported by otlp, 2 lost"), "{ended:?}");
}

#[test]
fn a_hanging_collector_delays_the_shutdown_up_to_its_limit_and_the_last_lines_report_the_loss() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        let variables =
            [protocol, ("OTEL_METRICS_EXPORTER", "otlp"), ("OTEL_LOGS_EXPORTER", "otlp")];
        let server = Program::serving(&receiver, &variables).start();
        server.get("/api/users");
        receiver.wait_for_requests(Signal::Traces, 1, SOON);
        let began = Instant::now();
        server.signal("TERM");
        poll("closed port", || TcpStream::connect(server.address).err());
        // A second signal changes nothing.
        let ended = server.end();
        let took = began.elapsed();
        assert!(took < SHUTDOWN_TIMEOUT + Duration::from_secs(3), "{took:?}: {ended:?}");
        for signal in ["traces", "metrics", "logs"] {
            let report = format!("{signal}: 0 exported by otlp, ");
            let line = ended.stderr.lines().find(|line| line.contains(&report));
            let line = line.unwrap_or_else(|| panic!("no report of {signal}: {ended:?}"));
            assert!(line.contains("WARN") && line.contains(" lost ("), "{line}");
        }
        assert!(ended.stderr.contains("traces: 0 exported by otlp, 2 lost"), "{ended:?}");
    });
}

#[test]
fn one_worker_answers_every_request_and_ends_in_time_while_every_export_hangs() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        // Every signal exports all the time, and the queues are so short that a thread which waited
        // for room would wait for the collector.
        let variables = [
            protocol,
            ("ROCKET_WORKERS", "1"),
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
        let server = Program::serving(&receiver, &variables).start();
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            server.get("/api/error");
            receiver.wait_for_requests(signal, 1, SOON);
        }
        let began = Instant::now();
        (0..200).for_each(|_| server.still_answers());
        // A worker that waited for one export would wait for its 10 s.
        assert!(began.elapsed() < Duration::from_secs(10), "{protocol:?}: {:?}", began.elapsed());
        // The second signal follows at once.
        server.signal("TERM");
        let ended = server.end_within("TERM", SHUTDOWN_TIMEOUT + Duration::from_secs(5));
        assert!(ended.stderr.contains("traces: 0 exported by otlp, 203 lost"), "{ended:?}");
    });
}

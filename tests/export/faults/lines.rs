//! The lines that a person reads of an outage.

use crate::kit::{Program, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

const BEGINS: &str = "cannot export to";
const ENDS: &str = "works again";

#[test]
fn the_log_has_one_line_when_an_outage_begins_and_one_when_it_ends() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Unavailable);
        let variables =
            [("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000")];
        let server = Program::serving(&receiver, &variables).start();
        for tries in 1..=2 {
            server.get("/health");
            receiver.wait_for_requests(Signal::Traces, tries, SOON);
        }
        let line = server.stderr.wait_for(BEGINS);
        for text in ["WARN", "traces", &receiver.address().to_string(), "OTEL_TRACES_EXPORTER=none"]
        {
            assert!(line.contains(text), "no {text} in {line}");
        }
        receiver.set(Behaviour::Accept);
        let line = server.stderr.wait_for(ENDS);
        assert!(line.contains("INFO") && line.contains("0 lost"), "{line}");
        assert_eq!((server.stderr.count(BEGINS), server.stderr.count(ENDS)), (1, 1), "{protocol}");
        let ended = server.end();
        assert!(ended.stderr.contains("traces: 2 exported by otlp, none lost"), "{ended:?}");
        assert_eq!(receiver.spans().len(), 2, "{protocol}");
    });
}

#[test]
fn a_backend_without_metrics_is_logged_once() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set_for(Signal::Metrics, Behaviour::Unimplemented);
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "20"),
        ];
        let server = Program::serving(&receiver, &variables).start();
        server.get("/health");
        receiver.wait_for_requests(Signal::Metrics, 5, SOON);
        let ended = server.end();
        let lines = ended.stderr.lines().filter(|line| line.contains(BEGINS));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 1, "{protocol}: {ended:?}");
        assert!(lines[0].contains("OTEL_METRICS_EXPORTER=none"), "{}", lines[0]);
        assert!(lines[0].contains("does not accept metrics"), "{}", lines[0]);
        assert!(!ended.stderr.contains(ENDS), "{ended:?}");
        assert_eq!(receiver.spans().len(), 1);
    });
}

#[test]
fn the_last_lines_say_what_a_shutdown_could_not_export_and_why() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Hang);
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_LOGS_EXPORTER", "otlp"),
        ];
        let server = Program::serving(&receiver, &variables).start();
        server.get("/api/users");
        let ended = server.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for signal in ["traces", "metrics", "logs"] {
            let begin = format!("{signal}: 0 exported by otlp, ");
            let told = ended.stderr.lines().find(|line| line.contains(&begin));
            let told = told.unwrap_or_else(|| panic!("nothing of {signal}: {ended:?}"));
            assert!(told.contains("WARN") && told.contains(" lost ("), "{told}");
        }
        assert!(ended.stderr.contains("traces: 0 exported by otlp, 2 lost"), "{ended:?}");
    });
}

#[test]
fn the_page_shows_what_was_dropped() {
    let receiver = Receiver::start();
    receiver.set(Behaviour::Unimplemented);
    let server = Program::serving(&receiver, &[]).start();
    (0..5).for_each(|_| assert_eq!(server.get("/health").status, 200));
    let html = ["accept: text/html"];
    crate::kit::poll("count of the dropped", || {
        let page = crate::kit::http::Pending::send(server.address, "GET", "/", &html).answer();
        let dropped =
            page.body.split(" dropped").next()?.rsplit(|c: char| !c.is_ascii_digit()).next()?;
        (dropped.parse::<u32>().ok()? >= 5).then_some(())
    });
    let ended = server.end();
    assert!(ended.stderr.contains("traces: 0 exported by otlp, "), "{ended:?}");
}

//! No answer and no log line shows a secret of a variable.

use otlp_receiver::{Behaviour, Receiver, Signal};

use crate::over_both;
use crate::process::{Pair, Program};
use crate::support::SOON;
use crate::support::http::send;

const SECRETS: [&str; 3] = ["hunter2", "t0ken", "qu3ry"];

#[track_caller]
fn assert_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// Exports once, then breaks the collector, and checks everything that the program shows.
fn check(protocol: Pair<'_>, break_collector: impl Fn(&Receiver)) {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint().replace("://", "://user:hunter2@") + "/?key=qu3ry";
    let variables = [
        protocol,
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20t0ken,x-api-key=hunter2"),
        ("OTEL_TRACES_EXPORTER", "otlp,console"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_LOG_LEVEL", "trace"),
    ];
    let server = Program::serving(&receiver, &variables).start();
    server.still_answers();
    receiver.wait_for_requests(Signal::Traces, 1, SOON);
    break_collector(&receiver);
    let trace = server.get("/api/error").trace_id();
    server.wait_for_log("cannot export");
    for path in ["/", "/traces", "/api/traces", &format!("/api/traces/{trace}"), "/nowhere"] {
        let request = send(server.address, &format!("GET {path}"), &[("Accept", "text/html")]);
        let answer = format!("{:?}", request.answer());
        assert!(answer.len() > 100, "{answer}");
        assert_no_secret(&answer);
    }
    let ended = server.end();
    assert!(ended.stdout.contains(&trace) && ended.stderr.contains("lost"), "{ended:?}");
    assert_no_secret(&ended.stdout);
    assert_no_secret(&ended.stderr);
}

#[test]
fn a_collector_that_refuses_the_credentials_reveals_none() {
    over_both(|protocol| check(protocol, |receiver| receiver.set(Behaviour::Unauthenticated)));
}

#[test]
fn an_absent_collector_reveals_no_credentials() {
    over_both(|protocol| check(protocol, Receiver::stop));
}

#[test]
fn invalid_headers_are_a_warning_that_does_not_show_them() {
    let receiver = Receiver::start();
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=t0ken%0Ahunter2"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization: Bearer t0ken"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "=t0ken"),
        ("OTEL_LOG_LEVEL", "trace"),
        ("RUST_BACKTRACE", "1"),
    ];
    let ended = Program::serving(&receiver, &variables).start().end();
    for (name, _) in &variables[..3] {
        let warning = format!("invalid {name} (value not shown): expected key=value");
        assert_eq!(ended.stderr.matches(&warning).count(), 1, "{name}: {ended:?}");
    }
    assert_no_secret(&ended.stdout);
    assert_no_secret(&ended.stderr);
}

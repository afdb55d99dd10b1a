//! Secrets stay secret in all that the program shows.

use crate::kit::http::Pending;
use crate::kit::{Program, SOON, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal};

const SECRETS: [&str; 3] = ["hunter2", "t0ken", "qu3ry"];

#[track_caller]
fn assert_silent(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// An address with a password and a secret in its query.
fn endpoint(receiver: &Receiver) -> String {
    receiver.endpoint().replace("://", "://user:hunter2@") + "/?key=qu3ry"
}

#[test]
fn logs_do_not_show_secrets_at_any_level() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let endpoint = endpoint(&receiver);
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=t0ken"),
            ("OTEL_LOG_LEVEL", "trace"),
        ];
        let server = Program::serving(&receiver, &variables).start();
        let trace = server.get("/").body;
        assert_silent(&trace);
        receiver.wait_for_requests(Signal::Traces, 1, SOON);
        receiver.stop();
        server.get("/health");
        server.stderr.wait_for("cannot export");
        let ended = server.end();
        assert_silent(&ended.stdout);
        assert_silent(&ended.stderr);
    });
}

#[test]
fn neither_answers_nor_logs_show_secrets_while_exports_fail() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Unauthenticated);
        let endpoint = endpoint(&receiver);
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20t0ken,x-api-key=hunter2"),
            ("OTEL_TRACES_EXPORTER", "otlp,console"),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
            ("OTEL_LOGS_EXPORTER", "otlp"),
            ("OTEL_LOG_LEVEL", "trace"),
        ];
        let server = Program::serving(&receiver, &variables).start();
        let trace = server.get("/api/error").trace_id();
        server.stderr.wait_for("cannot export");
        for path in ["/", "/traces", "/api/traces", &format!("/api/traces/{trace}"), "/nowhere"] {
            let asked = Pending::send(server.address, "GET", path, &["accept: text/html"]);
            let answer = format!("{:?}", asked.answer());
            assert!(answer.len() > 100, "{answer}");
            assert_silent(&answer);
        }
        let ended = server.end();
        assert!(ended.stdout.contains(&trace) && ended.stderr.contains("lost"), "{ended:?}");
        assert_silent(&ended.stdout);
        assert_silent(&ended.stderr);
    });
}

#[test]
fn invalid_headers_are_a_warning_that_does_not_show_them_at_any_level() {
    let receiver = Receiver::start();
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=t0ken%0Ahunter2"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "=t0ken"),
        ("OTEL_LOG_LEVEL", "trace"),
        ("RUST_BACKTRACE", "1"),
    ];
    let ended = Program::serving(&receiver, &variables).start().end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_HEADERS"] {
        let warning = format!("invalid {name} (value not shown)");
        assert_eq!(ended.stderr.matches(&warning).count(), 1, "{ended:?}");
    }
    assert_silent(&ended.stdout);
    assert_silent(&ended.stderr);
}

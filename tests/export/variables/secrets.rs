//! Secrets stay secret: in errors, in debug output, in statuses and in logs.

use crate::kit::{Pipeline, Program, SOON, config, over_both, refusal};
use crate::support::otlp::{Behaviour, Receiver, Signal};

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
fn refusals_do_not_repeat_secrets() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=t0ken,hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "bad name=t0ken"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-api-key=t0ken%0Ax"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "=t0ken"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://user:hunter2@collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@collector:99999"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector/?key=qu3ry"),
    ] {
        let error = refusal(&[(name, value)]);
        assert_silent(&error);
        assert!(error.starts_with(name), "{error}");
        assert!(error.contains("not shown"), "{error}");
    }
}

#[test]
fn debug_output_and_statuses_do_not_tell_secrets() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Unauthenticated);
        let endpoint = endpoint(&receiver);
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=t0ken"),
            ("OTEL_METRICS_EXPORTER", "otlp"),
        ];
        assert_silent(&format!("{:?}", config(&variables)));
        let pipeline = Pipeline::to(&receiver, &variables);
        pipeline.end_spans("refused", 1);
        pipeline.meter().u64_counter("refused").build().add(1, &[]);
        let flushed = pipeline.0.flush();
        assert_silent(&format!("{flushed:?}"));
        assert_silent(&format!("{:?}", pipeline.0));
        let statuses = pipeline.0.shutdown();
        assert_silent(&format!("{statuses:?}"));
        assert_silent(&serde_json::to_string(&statuses).expect("a status is JSON"));
        assert!(statuses[0].target.as_ref().is_some_and(|target| target.contains("127.0.0.1")));
    });
}

#[test]
fn logs_do_not_tell_secrets_at_any_level() {
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

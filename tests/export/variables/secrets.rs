//! Secrets stay secret: in errors, in debug output, in statuses and in logs.

use crate::kit::http::Pending;
use crate::kit::{Pipeline, Program, SOON, config, over_both, refusal};
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

#[test]
fn nothing_that_the_program_shows_tells_secrets_while_exports_fail() {
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
fn a_program_that_refuses_its_headers_does_not_tell_them_at_any_level() {
    for headers in ["x-api-key=t0ken%0Ahunter2", "x-api-key=t0ken,hunter2", "=t0ken", "x=%zzt0ken"]
    {
        for signal in ["", "TRACES_", "METRICS_", "LOGS_"] {
            let name = format!("OTEL_EXPORTER_OTLP_{signal}HEADERS");
            let variables =
                [(&*name, headers), ("OTEL_LOG_LEVEL", "trace"), ("RUST_BACKTRACE", "1")];
            let ended = Program::new(&["serve"], &variables).run();
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert!(ended.stderr.contains(&name), "{ended:?}");
            assert_silent(&ended.stdout);
            assert_silent(&ended.stderr);
        }
    }
}

//! Secrets stay secret: in warnings, in debug output and in statuses.

use crate::support::{config, over_both};
use otlp_receiver::Behaviour;

const SECRETS: [&str; 3] = ["hunter2", "t0ken", "qu3ry"];

#[track_caller]
fn assert_silent(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn warnings_do_not_show_secrets() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=t0ken,hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "bad name=t0ken"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=%zzt0ken"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-api-key=t0ken%0Ax"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "=t0ken"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://user:hunter2@collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@collector:99999"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector/?key=qu3ry"),
    ] {
        let config = config(&[(name, value)]);
        assert_silent(&format!("{config:?}"));
        let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
        assert!(warning.starts_with(&format!("invalid {name} (value not shown): ")), "{warning}");
    }
    // The value used instead shows no secret either.
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@collector/?key=qu3ry"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "nowhere://"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=t0ken"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "="),
    ]);
    assert_eq!(config.warnings.len(), 2);
    assert_silent(&format!("{config:?}"));
}

#[test]
fn debug_output_and_statuses_do_not_show_secrets() {
    over_both(|receiver| {
        receiver.set(Behaviour::Unauthenticated);
        let endpoint = receiver.endpoint().replace("://", "://user:hunter2@") + "/?key=qu3ry";
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", receiver.protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=t0ken"),
            ("OTEL_METRICS_EXPORTER", "otlp"),
        ];
        assert_silent(&format!("{:?}", config(&variables)));
        let pipeline = receiver.pipeline(&variables);
        pipeline.end_spans("refused", 1);
        pipeline.count("refused", 1);
        assert_silent(&format!("{:?}", pipeline.0.flush()));
        assert_silent(&format!("{:?}", pipeline.0));
        let statuses = pipeline.0.shutdown();
        assert_silent(&format!("{statuses:?}"));
        assert_silent(&serde_json::to_string(&statuses).expect("a status is JSON"));
        assert!(statuses[0].target.as_ref().is_some_and(|target| target.contains("127.0.0.1")));
    });
}

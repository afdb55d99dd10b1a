//! Values that will not do: the variable, the value and what would do are told.

use opentelemetry_autoconfigure::{Telemetry, VARIABLES};

use crate::kit::{config, refusal};

/// A variable, a value, and what the refusal has to offer.
const BAD: &[(&str, &str, &str)] = &[
    ("OTEL_SDK_DISABLED", "yes", "true or false"),
    ("OTEL_LOG_LEVEL", "loud", "off, error, warn, info, debug, trace"),
    ("OTEL_PROPAGATORS", "tracecontext,b3", "tracecontext, baggage or none"),
    ("OTEL_PROPAGATORS", "none,baggage", "none alone"),
    ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, console or none"),
    ("OTEL_TRACES_EXPORTER", "otlp,zipkin", "otlp, console or none"),
    ("OTEL_METRICS_EXPORTER", "prometheus", "otlp, console or none"),
    ("OTEL_LOGS_EXPORTER", "file", "otlp, console or none"),
    ("OTEL_TRACES_SAMPLER", "jaeger_remote", "always_on, always_off, traceidratio"),
    ("OTEL_TRACES_SAMPLER", "parentbased_xray", "always_on, always_off, traceidratio"),
    ("OTEL_BSP_SCHEDULE_DELAY", "5s", "a whole number"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "x", "1 or more"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "1 or more"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "1 or more"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "99999999999999999999999", "a whole number"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", "1 or more"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "0", "1 or more"),
    ("OTEL_BLRP_SCHEDULE_DELAY", "soon", "a whole number"),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", "0", "1 or more"),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1.5", "a whole number"),
    ("OTEL_BLRP_EXPORT_TIMEOUT", "never", "a whole number"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "0", "1 or more"),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "0", "1 or more"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "a whole number"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many", "a whole number"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "many", "a whole number"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "many", "a whole number"),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "many", "a whole number"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "many", "a whole number"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "long", "a whole number"),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-3", "a whole number"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "grpc or http/protobuf"),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "udp", "grpc or http/protobuf"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector", "http://localhost:4317"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "http://localhost:4317"),
    ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:99999", "http://localhost:4317"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "a whole number"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0", "1 or more"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip or none"),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "deflate", "gzip or none"),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "sometimes",
        "cumulative, delta, lowmemory",
    ),
];

#[test]
fn a_refusal_names_the_variable_the_value_and_what_would_do() {
    for &(name, value, good) in BAD {
        let error = refusal(&[(name, value)]);
        assert!(error.starts_with(&format!("{name}: ")), "{error}");
        let word = value.rsplit(',').next().expect("a word");
        assert!(error.contains(word) || value.starts_with("none,"), "{error}");
        assert!(error.contains(good), "{error}, not {good}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_ratio_outside_of_0_to_1_is_refused_where_a_ratio_is_used() {
    for value in ["1.5", "-0.1", "NaN", "half"] {
        let ratio = ("OTEL_TRACES_SAMPLER_ARG", value);
        let error = refusal(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ratio]);
        assert!(error.contains("OTEL_TRACES_SAMPLER_ARG") && error.contains("0 to 1"), "{error}");
        assert!(error.contains(value), "{error}");
    }
}

#[test]
fn an_endpoint_without_a_scheme_is_refused_for_http() {
    let error = refusal(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ]);
    assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{error}");
    // The example has to do for the protocol that was asked for.
    assert!(error.contains("http://localhost:4318"), "{error}");
}

#[test]
fn insecure_is_true_or_false() {
    let error = refusal(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "very"),
    ]);
    assert!(error.contains("OTEL_EXPORTER_OTLP_INSECURE: \"very\""), "{error}");
}

#[test]
fn every_variable_may_be_empty() {
    let names = VARIABLES.iter().flat_map(|variable| {
        ["", "TRACES_", "METRICS_", "LOGS_"].map(|own| variable.name.replace("{SIGNAL}", own))
    });
    let names: Vec<_> = names.collect();
    let empty: Vec<_> = names.iter().map(|name| (name.as_str(), " ")).collect();
    let (empty, unset) = (config(&empty), config(&[]));
    assert_eq!(format!("{empty:?}"), format!("{unset:?}"));
}

#[test]
fn a_variable_that_nobody_reads_is_warned_of() {
    let config = config(&[("OTEL_SERVICE_NAMES", "typo"), ("PATH", "/bin")]);
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].contains("OTEL_SERVICE_NAMES"), "{:?}", config.warnings);
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_its_variable() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let absent = directory.path().join("absent.pem").display().to_string();
    let broken = directory.path().join("broken.pem").display().to_string();
    std::fs::write(&broken, "not a certificate").expect("a temporary directory is writable");
    for protocol in ["grpc", "http/protobuf"] {
        for file in [&absent, &broken] {
            let variables = [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", file),
            ];
            let variables = variables.into_iter().collect();
            let config = opentelemetry_autoconfigure::Config::from_variables(&variables);
            let error = match config {
                Err(error) => error.to_string(),
                Ok(config) => match Telemetry::build(config) {
                    Err(error) => format!("{error:#}"),
                    Ok(_) => panic!("{file} is taken as a certificate by {protocol}"),
                },
            };
            assert!(error.contains("OTEL_EXPORTER_OTLP_CERTIFICATE"), "{protocol}: {error}");
            assert!(error.contains(file), "{protocol}: {error}");
        }
    }
}

//! Invalid values: a warning names the variable, the value, what is expected and what is used.

use std::time::Duration;

use opentelemetry_autoconfigure::{Config, Exporter, Propagator, Signal, VARIABLES};

use crate::support::{Pair, config};

/// A variable, an invalid value, what the warning expects, and what is used instead.
const INVALID: &[(&str, &str, &str, &str)] = &[
    ("OTEL_SDK_DISABLED", "yes", "one of true, false", "false"),
    ("OTEL_LOG_LEVEL", "loud", "one of off, error, warn, info, debug, trace", "info"),
    ("OTEL_PROPAGATORS", "tracecontext,b3", "tracecontext, baggage, or none", "tracecontext"),
    ("OTEL_PROPAGATORS", "none,baggage", "tracecontext, baggage, or none", "baggage"),
    ("OTEL_PROPAGATORS", "b3", "tracecontext, baggage, or none", "tracecontext,baggage"),
    ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, console, or none", "otlp"),
    ("OTEL_TRACES_EXPORTER", "console,zipkin", "otlp, console, or none", "console"),
    ("OTEL_METRICS_EXPORTER", "prometheus", "otlp, console, or none", "otlp"),
    ("OTEL_LOGS_EXPORTER", "file", "otlp, console, or none", "none"),
    ("OTEL_TRACES_SAMPLER", "jaeger_remote", "always_on", "parentbased_always_on"),
    ("OTEL_TRACES_SAMPLER", "parentbased_xray", "always_on", "parentbased_always_on"),
    ("OTEL_BSP_SCHEDULE_DELAY", "5s", "an integer of at least 0", "5000"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "x", "an integer of at least 1", "32768"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "an integer of at least 1", "32768"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "an integer of at least 1", "32768"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "99999999999999999999999", "an integer", "32768"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", "an integer of at least 1", "512"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "-1", "an integer of at least 0", "30000"),
    ("OTEL_BLRP_SCHEDULE_DELAY", "soon", "an integer of at least 1", "1000"),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", "0", "an integer of at least 1", "2048"),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1.5", "an integer of at least 1", "512"),
    ("OTEL_BLRP_EXPORT_TIMEOUT", "never", "an integer of at least 0", "30000"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "0", "an integer of at least 1", "60000"),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "1e3", "an integer of at least 0", "30000"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "an integer of at least 0", "128"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many", "an integer of at least 0", "128"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "many", "an integer of at least 0", "128"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "many", "an integer of at least 0", "128"),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "many", "an integer of at least 0", "128"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "many", "an integer of at least 0", "128"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "long", "an integer of at least 0", "no limit"),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-3", "an integer of at least 0", "no limit"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "one of grpc, http/protobuf", "grpc"),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "udp", "one of grpc, http/protobuf", "grpc"),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "ftp://collector",
        "http://localhost:4317",
        "http://localhost:4317",
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "http://localhost:4317", "http://localhost:4317"),
    (
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        "http://collector:99999",
        "an address",
        "http://localhost:4317",
    ),
    ("OTEL_EXPORTER_OTLP_INSECURE", "very", "one of true, false", "false"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "an integer of at least 0", "10000"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1", "an integer of at least 0", "10000"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "one of none, gzip", "none"),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "deflate", "one of none, gzip", "none"),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "often",
        "one of cumulative, delta, lowmemory",
        "cumulative",
    ),
    ("OTEL_RESOURCE_ATTRIBUTES", "good=1,bad", "key=value,...", "no attributes"),
];

#[track_caller]
fn only_warning(config: &Config) -> &str {
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    warning
}

#[test]
fn a_warning_names_the_variable_the_value_what_is_expected_and_what_is_used() {
    let unset = format!("{:?}", config(&[]));
    for &(name, value, expected, used) in INVALID {
        let mut config = config(&[(name, value)]);
        let warning = only_warning(&config).to_owned();
        assert!(warning.starts_with(&format!("invalid {name}={value:?}: expected ")), "{warning}");
        assert!(warning.contains(expected), "{warning}, not {expected}");
        assert!(warning.ends_with(&format!("; using {used}")), "{warning}, not {used}");
        assert_eq!(warning.lines().count(), 1, "{warning}");
        // A list keeps its valid words; any other invalid value is as good as none.
        if !value.contains(',') {
            config.warnings.clear();
            assert_eq!(format!("{config:?}"), unset, "{name}={value}");
        }
    }
}

#[test]
fn the_known_words_of_a_list_apply() {
    let config = config(&[
        ("OTEL_TRACES_EXPORTER", "console,zipkin"),
        ("OTEL_PROPAGATORS", "b3,baggage,baggage"),
    ]);
    assert_eq!(config.traces.exporters, [Exporter::Console]);
    assert_eq!(config.propagators, [Propagator::Baggage]);
    assert_eq!(config.warnings.len(), 2);
}

#[test]
fn an_invalid_variable_of_a_signal_leaves_the_general_one_in_force() {
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1234"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "7"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x"),
    ]);
    assert_eq!(config.traces.otlp.timeout, Duration::from_millis(1_234));
    assert_eq!(config.span_limits.counts.max_attributes_per_span, 7);
    assert!(config.warnings.iter().any(|warning| warning.ends_with("using 1234")), "{config:?}");
}

#[test]
fn a_general_variable_that_three_signals_read_has_one_warning() {
    let config = config(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")]);
    assert!(only_warning(&config).contains("OTEL_EXPORTER_OTLP_TIMEOUT"));
}

#[test]
fn a_ratio_outside_of_0_to_1_is_1() {
    for value in ["1.5", "-0.1", "NaN", "half"] {
        let ratio = ("OTEL_TRACES_SAMPLER_ARG", value);
        let with_ratio = config(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ratio]);
        let expected = format!(
            "invalid OTEL_TRACES_SAMPLER_ARG={value:?}: expected a ratio from 0 to 1; using 1.0"
        );
        assert_eq!(only_warning(&with_ratio), expected);
        assert!(with_ratio.sampling.ratio >= 1.0);
        // A sampler without a ratio does not read it.
        assert!(config(&[ratio]).warnings.is_empty());
    }
}

#[test]
fn an_endpoint_without_a_scheme_is_invalid_for_http() {
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"),
    ]);
    let warning = only_warning(&config);
    // The example suits the protocol.
    assert!(warning.contains("an address such as http://localhost:4318"), "{warning}");
    assert!(warning.ends_with("; using http://localhost:4318/v1/traces"), "{warning}");
}

#[test]
fn a_general_endpoint_that_ends_in_a_signals_path_is_noted() {
    let doubled = |name, path| {
        let endpoint = format!("http://collector{path}");
        let variables = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), (name, &*endpoint)];
        config(&variables).traces.otlp.endpoint.doubled_path
    };
    assert!(doubled("OTEL_EXPORTER_OTLP_ENDPOINT", "/v1/traces"));
    assert!(doubled("OTEL_EXPORTER_OTLP_ENDPOINT", "/base/v1/logs/"));
    assert!(!doubled("OTEL_EXPORTER_OTLP_ENDPOINT", "/v1"));
    assert!(!doubled("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces/v1/traces"));
}

#[test]
fn a_timeout_of_0_is_no_limit() {
    let none: [Pair<'_>; 2] =
        [("OTEL_EXPORTER_OTLP_TIMEOUT", "0"), ("OTEL_BSP_EXPORT_TIMEOUT", "0")];
    assert_eq!(config(&none).traces.otlp.timeout, Duration::MAX);
    assert_eq!(config(&none).metrics.otlp.timeout, Duration::from_secs(30));
    assert_eq!(config(&none[1..]).traces.otlp.timeout, Duration::from_secs(10));
    assert!(config(&none).warnings.is_empty());
}

#[test]
fn every_variable_may_be_empty() {
    let names = VARIABLES.iter().flat_map(|variable| {
        ["", "TRACES_", "METRICS_", "LOGS_"].map(|own| variable.name.replace("{SIGNAL}", own))
    });
    let names: Vec<_> = names.collect();
    let empty: Vec<_> = names.iter().map(|name| (name.as_str(), " ")).collect();
    assert_eq!(format!("{:?}", config(&empty)), format!("{:?}", config(&[])));
}

#[test]
fn an_unknown_variable_has_a_warning_without_its_value() {
    let config = config(&[("OTEL_SERVICE_NAMES", "t0ken"), ("PATH", "/bin")]);
    let expected = "unknown variable OTEL_SERVICE_NAMES is ignored: check its spelling";
    assert_eq!(only_warning(&config), expected);
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_that_names_its_variable() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (absent, broken) = (path("absent.pem"), path("broken.pem"));
    std::fs::write(&broken, "not a certificate").expect("a temporary directory is writable");
    for (setting, other) in [
        ("CERTIFICATE", None),
        ("CLIENT_CERTIFICATE", Some("CLIENT_KEY")),
        ("CLIENT_KEY", Some("CLIENT_CERTIFICATE")),
    ] {
        for signal in Signal::ALL {
            for file in [&absent, &broken] {
                let name = format!("OTEL_EXPORTER_OTLP_{}_{setting}", signal.in_variables());
                let error = Config::from_variables(&[(&*name, &**file)].into_iter().collect());
                let error = error.expect_err("the file cannot be used").to_string();
                assert!(
                    error.starts_with(&format!("invalid {name}={file:?}: expected ")),
                    "{error}"
                );
                if let Some(other) = other {
                    assert!(error.contains(&format!("OTEL_EXPORTER_OTLP_{other}")), "{error}");
                }
            }
        }
    }
}

#[test]
fn both_files_of_a_client_are_checked() {
    let receiver = otlp_receiver::Receiver::start_tls(otlp_receiver::TlsMode::Mutual);
    let pki = receiver.pki();
    let certificate = pki.client_certificate().display().to_string();
    let key = pki.client_key().display().to_string();
    let read = |certificate: &str, key: &str| {
        let variables = [
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", key),
        ];
        Config::from_variables(&variables.into_iter().collect()).map(drop)
    };
    assert_eq!(read(&certificate, &key), Ok(()));
    for (certificate, key, wrong) in
        [(&key, &key, "CLIENT_CERTIFICATE"), (&certificate, &certificate, "CLIENT_KEY")]
    {
        let error = read(certificate, key).expect_err("the files are mixed up");
        assert!(error.name.ends_with(wrong), "{error}");
    }
}

//! An invalid option or variable: its name, its value, what is expected, and exit code 2.

use crate::process::Program;

#[test]
fn an_invalid_variable_is_named_with_its_value_and_ends_with_2() {
    for (name, value, expected) in [
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, console or none"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "x", "a whole number"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "always_on"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x", "http://localhost:4317"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such.pem", "PEM"),
        ("ROCKET_PORT", "abc", "0 to 65535"),
        ("ROCKET_PORT", "65536", "0 to 65535"),
        ("ROCKET_ADDRESS", "nowhere", "0.0.0.0"),
        ("ROCKET_WORKERS", "abc", "expected usize"),
        ("DOWNSTREAM_URL", "ftp://x", "http://localhost:8001"),
        ("JAEGER_UI_URL", "localhost", "http://localhost"),
        ("TRUST_FORWARDED_HEADERS", "perhaps", "true"),
    ] {
        let ended = Program::new(&["serve"], &[(name, value)]).run();
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert_eq!(ended.stdout, "", "{name}: {ended:?}");
        for text in [name, value, expected] {
            assert!(ended.stderr.contains(text), "{name}: no {text} in {ended:?}");
        }
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    }
}

#[test]
fn invalid_headers_are_named_and_not_shown() {
    let variable = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization: Bearer t0ken");
    let ended = Program::new(&["serve"], &[variable]).run();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{ended:?}");
    assert!(ended.stderr.contains("key=value"), "{ended:?}");
    assert!(!ended.stderr.contains("t0ken"), "{ended:?}");
}

#[test]
fn an_invalid_option_is_named_with_its_value_and_ends_with_2() {
    for (words, texts) in [
        (&["--port", "abc"][..], &["--port", "abc", "0 to 65535"][..]),
        (&["serve", "--address", "x"], &["--address", "'x'", "0.0.0.0"]),
        (&["serve", "--colour"], &["--colour"]),
        (&["sevre"], &["sevre", "serve"]),
        (&["runner", "--requests", "0"], &["--requests", "0", "1..=1000000"]),
        (&["runner", "--base-url", "ftp://x"], &["--base-url", "ftp://x", "http://"]),
        (&["healthcheck", "--port", "0"], &["--port", "0", "1 to 65535"]),
    ] {
        let ended = Program::new(words, &[]).run();
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:?}");
        for text in texts {
            assert!(ended.stderr.contains(text), "{words:?}: no {text} in {ended:?}");
        }
    }
}

#[test]
fn invalid_variables_of_the_other_commands_end_with_2_too() {
    for (command, name, value) in [
        ("runner", "BASE_URL", "ftp://x"),
        ("runner", "JAEGER_QUERY_URL", "nowhere"),
        ("healthcheck", "ROCKET_PORT", "abc"),
        ("healthcheck", "ROCKET_ADDRESS", "nowhere"),
    ] {
        let ended = Program::new(&[command], &[(name, value)]).run();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        for text in [name, value] {
            assert!(ended.stderr.contains(text), "{name}: no {text} in {ended:?}");
        }
    }
}

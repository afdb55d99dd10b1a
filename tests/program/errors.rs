//! Invalid options and variables. Those of the program end it with exit code 2; those of
//! OpenTelemetry are warnings.

use otlp_receiver::Receiver;

use crate::process::{Pair, Program};
use crate::support::SOON;

/// Runs a command that ends with exit code 2 and an error that contains these texts.
#[track_caller]
fn assert_rejected(words: &[&str], variables: &[Pair<'_>], texts: &[&str]) {
    let ended = Program::new(words, variables).run();
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{words:?} {variables:?}: {ended:?}");
    for text in texts {
        assert!(ended.stderr.contains(text), "{words:?} {variables:?}: no {text} in {ended:?}");
    }
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

#[test]
fn an_invalid_variable_ends_the_program_with_its_name_its_value_and_what_is_expected() {
    for (command, name, value, expected) in [
        ("serve", "ROCKET_PORT", "abc", "0 to 65535"),
        ("serve", "ROCKET_PORT", "65536", "0 to 65535"),
        ("serve", "ROCKET_ADDRESS", "nowhere", "0.0.0.0"),
        ("serve", "ROCKET_WORKERS", "abc", "expected usize"),
        ("serve", "DOWNSTREAM_URL", "ftp://x", "http://localhost:8001"),
        ("serve", "JAEGER_UI_URL", "localhost", "http://localhost"),
        ("serve", "TRUST_FORWARDED_HEADERS", "perhaps", "true"),
        ("serve", "RECENT_TRACES_MAX", "many", "an integer of at least 0"),
        ("serve", "RECENT_TRACES_MAX_BYTES", "1k", "an integer of at least 0"),
        ("serve", "OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such.pem", "PEM"),
        ("runner", "BASE_URL", "ftp://x", "http://"),
        ("runner", "JAEGER_QUERY_URL", "nowhere", "http://"),
        ("healthcheck", "ROCKET_PORT", "abc", "1 to 65535"),
        ("healthcheck", "ROCKET_ADDRESS", "nowhere", "127.0.0.1"),
    ] {
        assert_rejected(&[command], &[(name, value)], &[name, value, expected]);
    }
}

#[test]
fn an_invalid_option_ends_the_program_with_its_name_its_value_and_what_is_expected() {
    for (words, texts) in [
        (&["--port", "abc"][..], &["--port", "abc", "0 to 65535"][..]),
        (&["serve", "--address", "x"], &["--address", "'x'", "0.0.0.0"]),
        (&["serve", "--colour"], &["--colour"]),
        (&["sevre"], &["sevre", "serve"]),
        (&["runner", "--requests", "0"], &["--requests", "0", "1..=1000000"]),
        (&["runner", "--base-url", "ftp://x"], &["--base-url", "ftp://x", "http://"]),
        (&["healthcheck", "--port", "0"], &["--port", "0", "1 to 65535"]),
    ] {
        assert_rejected(words, &[], texts);
    }
}

#[test]
fn an_invalid_variable_of_opentelemetry_is_one_warning_and_the_default_applies() {
    let receiver = Receiver::start();
    let general = format!("using {}", receiver.endpoint());
    let invalid = [
        ("OTEL_TRACES_EXPORTER", "zipkin", "using otlp"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "x", "using 32768"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "using parentbased_always_on"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://x", &general),
    ];
    let variables = invalid.map(|(name, value, _)| (name, value));
    let server = Program::serving(&receiver, &variables).start();
    server.still_answers();
    receiver.wait_for_spans(1, SOON);
    let ended = server.end();
    for (name, value, used) in invalid {
        let warning = format!("invalid {name}={value:?}: expected ");
        let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains(name)).collect();
        let [line] = lines[..] else { panic!("{name}: not one line: {ended:?}") };
        for text in ["WARN", &warning, used] {
            assert!(line.contains(text), "no {text} in {line}");
        }
    }
}

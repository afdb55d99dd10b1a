//! `--help` and `--version`.

use opentelemetry_autoconfigure::VARIABLES;

use crate::process::Program;

#[track_caller]
fn output(words: &[&str]) -> String {
    let ended = Program::new(words, &[]).run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    ended.stdout
}

/// The help wraps long lines, so texts are compared without white space.
#[track_caller]
fn assert_contains(help: &str, text: &str) {
    let squeeze = |text: &str| text.split_whitespace().collect::<String>();
    assert!(squeeze(help).contains(&squeeze(text)), "no {text} in {help}");
}

#[test]
fn the_help_of_each_command_names_its_options_and_variables() {
    const COMMANDS: &[&str] = &["serve", "runner", "healthcheck"];
    const ADDRESS: &[&str] = &["--port", "ROCKET_PORT", "--address", "ROCKET_ADDRESS"];
    for (words, texts) in [
        (&["--help"][..], COMMANDS),
        (&["-h"], COMMANDS),
        (&["help"], COMMANDS),
        (&["serve", "--help"], ADDRESS),
        (&["serve", "--help"], &["--downstream-url", "DOWNSTREAM_URL", "TRUST_FORWARDED_HEADERS"]),
        (&["serve", "--help"], &["--jaeger-ui-url", "JAEGER_UI_URL", "RECENT_TRACES_MAX_BYTES"]),
        (&["runner", "--help"], &["--base-url", "BASE_URL", "--requests", "--verify"]),
        (&["runner", "--help"], &["JAEGER_QUERY_URL"]),
        (&["healthcheck", "--help"], ADDRESS),
    ] {
        let help = output(words);
        for text in texts {
            assert_contains(&help, text);
        }
    }
}

#[test]
fn the_help_of_serve_explains_every_variable_of_opentelemetry() {
    let help = output(&["serve", "--help"]);
    for variable in VARIABLES {
        assert_contains(&help, &variable.name.replace("{SIGNAL}", "[SIGNAL_]"));
        assert_contains(&help, variable.help);
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(output(&["--version"]), format!("rocket-otel-demo {}", env!("CARGO_PKG_VERSION")));
}

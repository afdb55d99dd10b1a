//! `--help` and `--version`.

use opentelemetry_autoconfigure::VARIABLES;

use crate::process::Program;

#[track_caller]
fn output(words: &[&str]) -> String {
    let ended = Program::new(words, &[]).run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    ended.stdout
}

#[test]
fn the_help_names_the_commands() {
    for words in [["--help"], ["-h"], ["help"]] {
        let help = output(&words);
        for command in ["serve", "runner", "healthcheck"] {
            assert!(help.contains(command), "no {command} in {help}");
        }
    }
}

#[test]
fn the_help_of_serve_names_every_option_and_every_variable() {
    let help = output(&["serve", "--help"]);
    for variable in VARIABLES {
        let name = variable.name.replace("{SIGNAL}", "[SIGNAL_]");
        assert!(help.contains(&name) && help.contains(variable.help), "no {name} in {help}");
    }
    for text in [
        "--port",
        "ROCKET_PORT",
        "--address",
        "ROCKET_ADDRESS",
        "--downstream-url",
        "DOWNSTREAM_URL",
        "--jaeger-ui-url",
        "JAEGER_UI_URL",
        "TRUST_FORWARDED_HEADERS",
    ] {
        assert!(help.contains(text), "no {text} in {help}");
    }
}

#[test]
fn the_help_of_the_other_commands_names_their_options_and_variables() {
    for (command, texts) in [
        ("runner", &["--base-url", "BASE_URL", "--requests", "--verify", "JAEGER_QUERY_URL"][..]),
        ("healthcheck", &["--port", "ROCKET_PORT", "--address", "ROCKET_ADDRESS"]),
    ] {
        let help = output(&[command, "--help"]);
        for text in texts {
            assert!(help.contains(text), "{command}: no {text} in {help}");
        }
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(output(&["--version"]), format!("rocket-otel-demo {}", env!("CARGO_PKG_VERSION")));
}

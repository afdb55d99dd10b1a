//! The command line of `runner`.

use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Args, value_parser};

use super::options::http_url;

const DEFAULT_BASE_URL: &str = "http://localhost:8000";
const DEFAULT_JAEGER_UI_URL: &str = "http://localhost:16686";

/// The options of `runner`.
#[derive(Args, Clone, Debug)]
pub struct RunnerArgs {
    /// Base URL of the application
    #[arg(long, env = "BASE_URL", value_name = "URL", default_value = DEFAULT_BASE_URL, value_parser = base_url(DEFAULT_BASE_URL))]
    pub(super) base_url: String,

    /// Number of load requests
    #[arg(long, value_name = "N", default_value = "30", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) requests: u32,

    /// Maximum concurrent load requests
    #[arg(long, value_name = "N", default_value = "5", value_parser = value_parser!(u32).range(1..=1_000))]
    pub(super) workers: u32,

    /// Number of times to run the functional tests and the load
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u32).range(1..=1_000))]
    pub(super) repeat: u32,

    /// Write a JSON report to FILE; `-` writes it to stdout and the text to stderr
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Verify each functional test's trace in the Jaeger at URL (its query port is 16686)
    #[arg(long, env = "JAEGER_QUERY_URL", value_name = "URL", value_parser = base_url(DEFAULT_JAEGER_UI_URL))]
    pub(super) verify: Option<String>,

    /// Jaeger UI to name in the output [default: the one of --verify, or localhost:16686]
    #[arg(long, env = "JAEGER_UI_URL", value_name = "URL", value_parser = base_url(DEFAULT_JAEGER_UI_URL))]
    jaeger_ui_url: Option<String>,
}

/// A parser of a URL that paths are appended to: without the slash at its end.
fn base_url(example: &str) -> impl TypedValueParser<Value = String> + use<> {
    http_url(example).map(|url| url.as_str().trim_end_matches('/').to_owned())
}

impl RunnerArgs {
    pub(super) fn uses_https(&self) -> bool {
        let verify = self.verify.as_deref().unwrap_or_default();
        [&self.base_url, verify].iter().any(|url| url.starts_with("https:"))
    }

    /// The Jaeger UI to name in the output.
    pub(super) fn jaeger_ui(&self) -> &str {
        self.jaeger_ui_url
            .as_ref()
            .or(self.verify.as_ref())
            .map_or(DEFAULT_JAEGER_UI_URL, |url| url)
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use clap::{Command, FromArgMatches};

    use super::*;

    /// Parses without the variables of the test's own environment.
    fn parse(args: &[&str]) -> Result<RunnerArgs, clap::Error> {
        let command = RunnerArgs::augment_args(Command::new("runner"));
        let command = command.mut_args(|arg| arg.env(None));
        RunnerArgs::from_arg_matches(&command.try_get_matches_from([&["runner"], args].concat())?)
    }

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let args = parse(&[]).expect("no option is required");
        assert_eq!(args.base_url, "http://localhost:8000");
        assert_eq!((args.requests, args.workers, args.repeat), (30, 5, 1));
        assert_eq!((args.json.as_ref(), args.verify.as_ref()), (None, None));
        assert_eq!(args.jaeger_ui(), "http://localhost:16686");
    }

    #[test]
    fn every_option_with_a_url_has_its_variable() {
        let command = RunnerArgs::augment_args(Command::new("runner"));
        let with_variables: Vec<_> = command
            .get_arguments()
            .filter_map(|arg| Some((arg.get_id().as_str(), arg.get_env()?.to_str()?)))
            .collect();
        let expected = [
            ("base_url", "BASE_URL"),
            ("verify", "JAEGER_QUERY_URL"),
            ("jaeger_ui_url", "JAEGER_UI_URL"),
        ];
        assert_eq!(with_variables, expected);
    }

    #[test]
    fn the_output_names_the_given_jaeger_ui_or_the_verified_jaeger() {
        let verify = "--verify=http://jaeger:16686";
        assert_eq!(parse(&[verify]).expect("valid").jaeger_ui(), "http://jaeger:16686");
        let both = parse(&[verify, "--jaeger-ui-url=https://example.org/jaeger/"]).expect("valid");
        assert_eq!(both.jaeger_ui(), "https://example.org/jaeger");
    }

    #[test]
    fn a_path_is_appended_with_one_slash() {
        for (base, expected) in [
            ("http://localhost:8000", "http://localhost:8000"),
            ("http://localhost:8000/", "http://localhost:8000"),
            ("https://example.org/jaeger/", "https://example.org/jaeger"),
        ] {
            assert_eq!(parse(&["--base-url", base]).expect("valid").base_url, expected);
        }
    }

    #[test]
    fn an_invalid_value_is_an_error_that_says_what_is_expected() {
        for (option, value, expected) in [
            ("--base-url", "localhost:1", "http://localhost:8000"),
            ("--verify", "localhost:1", "http://localhost:16686"),
            ("--jaeger-ui-url", "localhost:1", "http://localhost:16686"),
            ("--workers", "0", "0 is not in 1..=1000"),
        ] {
            let error = parse(&[option, value]).expect_err("invalid");
            assert_eq!((error.exit_code(), error.kind()), (2, ErrorKind::ValueValidation));
            let text = error.to_string();
            let start = format!("error: invalid value '{value}' for '{option} <");
            assert!(text.starts_with(&start) && text.contains(expected), "{text}");
        }
    }
}

//! The command line of `runner`.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::base_url::BaseUrl;

const DEFAULT_BASE_URL: &str = "http://localhost:8000";
const DEFAULT_JAEGER_UI_URL: &str = "http://localhost:16686";

/// The options of `runner`.
#[derive(Args, Clone, Debug)]
pub struct RunnerArgs {
    /// Where the application is
    #[arg(long, env = "BASE_URL", value_name = "URL", default_value = DEFAULT_BASE_URL, value_parser = base_url)]
    pub(super) base_url: BaseUrl,

    /// How many requests make the load
    #[arg(long, value_name = "N", default_value = "30", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(super) requests: u32,

    /// How many of them may be on their way at once
    #[arg(long, value_name = "N", default_value = "5", value_parser = value_parser!(u32).range(1..=1_000))]
    pub(super) workers: u32,

    /// How many times to run the functional tests and the load
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u32).range(1..=1_000))]
    pub(super) repeat: u32,

    /// Write a report for machines to FILE; `-` is stdout, and the text goes to stderr
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Check each functional test's trace in the Jaeger at URL; its query API is on port 16686
    #[arg(long, env = "JAEGER_QUERY_URL", value_name = "URL", default_value = "", hide_default_value = true, value_parser = jaeger_query_url)]
    pub(super) verify: MaybeUrl,

    /// Where people look at the traces; by default the URL of --verify, else port 16686 on
    /// localhost
    #[arg(long, env = "JAEGER_UI_URL", value_name = "URL", default_value = "", hide_default_value = true, value_parser = jaeger_ui_url)]
    jaeger_ui_url: MaybeUrl,
}

/// An alias hides the `Option` from clap, which then leaves it to the parser to say None: for an
/// empty variable, which is what compose files make of an unset one.
type MaybeUrl = Option<BaseUrl>;

impl RunnerArgs {
    /// `https` if any address is asked by it.
    pub(super) fn scheme(&self) -> &'static str {
        let secure = |url: &BaseUrl| url.to_string().starts_with("https:");
        let asked = [Some(&self.base_url), self.verify.as_ref()];
        if asked.into_iter().flatten().any(secure) { "https" } else { "http" }
    }

    /// The address to show to people.
    pub(super) fn jaeger_ui(&self) -> String {
        let given = self.jaeger_ui_url.as_ref().or(self.verify.as_ref());
        given.map_or_else(|| DEFAULT_JAEGER_UI_URL.to_owned(), ToString::to_string)
    }
}

fn base_url(text: &str) -> Result<BaseUrl, String> {
    url(
        if text.is_empty() { DEFAULT_BASE_URL } else { text },
        "--base-url or BASE_URL",
        DEFAULT_BASE_URL,
    )
}

fn jaeger_query_url(text: &str) -> Result<MaybeUrl, String> {
    maybe_url(text, "--verify or JAEGER_QUERY_URL")
}

fn jaeger_ui_url(text: &str) -> Result<MaybeUrl, String> {
    maybe_url(text, "--jaeger-ui-url or JAEGER_UI_URL")
}

fn maybe_url(text: &str, option: &str) -> Result<MaybeUrl, String> {
    if text.is_empty() { Ok(None) } else { url(text, option, DEFAULT_JAEGER_UI_URL).map(Some) }
}

/// Clap names the option alone, but the value may have come from the variable.
fn url(text: &str, option: &str, example: &str) -> Result<BaseUrl, String> {
    text.parse().map_err(|error| format!("{error}; {option} must be one such as {example}"))
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches, error::ErrorKind};

    use super::*;

    /// As clap reads them, apart from this process's own environment.
    fn parse(args: &[&str]) -> Result<RunnerArgs, clap::Error> {
        let command = RunnerArgs::augment_args(clap::Command::new("runner"));
        let command = command.mut_args(|arg| arg.env(None));
        RunnerArgs::from_arg_matches(&command.try_get_matches_from([&["runner"], args].concat())?)
    }

    fn error(args: &[&str]) -> String {
        let error = parse(args).expect_err("a bad value");
        assert_eq!(error.exit_code(), 2);
        assert_eq!(error.kind(), ErrorKind::ValueValidation);
        error.to_string()
    }

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let args = parse(&[]).expect("no option is required");
        assert_eq!(args.base_url.to_string(), "http://localhost:8000");
        assert_eq!((args.requests, args.workers, args.repeat), (30, 5, 1));
        assert_eq!((args.json, args.verify), (None, None));
    }

    #[test]
    fn every_option_with_a_url_has_its_variable() {
        let command = RunnerArgs::augment_args(clap::Command::new("runner"));
        let env =
            |id: &str| command.get_arguments().find(|arg| arg.get_id() == id)?.get_env()?.to_str();
        assert_eq!(env("base_url"), Some("BASE_URL"));
        assert_eq!(env("verify"), Some("JAEGER_QUERY_URL"));
        assert_eq!(env("jaeger_ui_url"), Some("JAEGER_UI_URL"));
    }

    #[test]
    fn an_empty_url_counts_as_unset() {
        let args = parse(&["--base-url=", "--verify=", "--jaeger-ui-url="]).expect("allowed");
        assert_eq!(args.base_url.to_string(), "http://localhost:8000");
        assert_eq!(args.verify, None);
        assert_eq!(args.jaeger_ui(), "http://localhost:16686");
    }

    #[test]
    fn people_are_sent_to_the_ui_given_or_to_the_jaeger_that_was_asked() {
        let verify = "--verify=http://jaeger:16686";
        assert_eq!(parse(&[verify]).expect("valid").jaeger_ui(), "http://jaeger:16686");
        let both = parse(&[verify, "--jaeger-ui-url=https://example.org/jaeger/"]).expect("valid");
        assert_eq!(both.jaeger_ui(), "https://example.org/jaeger");
    }

    #[test]
    fn a_bad_url_is_named_with_its_option_its_variable_and_what_would_do() {
        for (option, variable, example) in [
            ("--base-url", "BASE_URL", "http://localhost:8000"),
            ("--verify", "JAEGER_QUERY_URL", "http://localhost:16686"),
            ("--jaeger-ui-url", "JAEGER_UI_URL", "http://localhost:16686"),
        ] {
            let error = error(&[option, "localhost:1"]);
            let expected = format!(
                "error: invalid value 'localhost:1' for '{option} <URL>': \
                 it is not an http:// or https:// URL; {option} or {variable} must be one such as {example}\n"
            );
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn a_bad_number_is_named_with_its_option_and_the_range_that_would_do() {
        let error = error(&["--workers", "0"]);
        assert!(
            error.starts_with("error: invalid value '0' for '--workers <N>': 0 is not in 1..=1000"),
            "{error}"
        );
    }
}

//! The command line. A field's doc comment is its `--help`.

use std::env;
use std::ffi::OsString;
use std::net::IpAddr;
use std::str::FromStr;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use runner::RunnerArgs;
use runner::healthcheck::HealthcheckArgs;
use runner::options::{described, ignore_empty};

use crate::app::{Settings, telemetry_defaults};

/// Application performance monitoring with OpenTelemetry, in a Rocket application.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    /// Command to run [default: serve]
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the application and the page that shows its traces (the default)
    #[command(after_long_help = opentelemetry_autoconfigure::help(&telemetry_defaults()))]
    Serve(ServeArgs),
    /// Test a running application: its responses, then load, then its traces in Jaeger
    Runner(RunnerArgs),
    /// Check whether the local server is healthy, as a container's health check
    Healthcheck(HealthcheckArgs),
}

impl Cli {
    /// The command line of this process. An invalid one ends the process with a message and exit code 2.
    #[must_use]
    pub fn from_process() -> Self {
        let command = ignore_empty(Self::command(), |name| env::var_os(name));
        let matches = command.get_matches_from(with_default_command(env::args_os().collect()));
        Self::from_arg_matches(&matches)
            .unwrap_or_else(|error| error.format(&mut Self::command()).exit())
    }
}

/// Inserts `serve` where the first word is not a command: `rocket-otel-demo --port 9000`.
fn with_default_command(mut words: Vec<OsString>) -> Vec<OsString> {
    let first = words.get(1).map(|word| word.to_string_lossy());
    let about_all = ["-h", "--help", "-V", "--version"];
    let default = match first.as_deref() {
        None => true,
        Some(word) => word.starts_with('-') && !about_all.contains(&word),
    };
    if default {
        words.insert(words.len().min(1), "serve".into());
    }
    words
}

/// The options of `serve`.
#[allow(clippy::doc_markdown, reason = "clap prints these comments as they are")]
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Address to listen on; 0.0.0.0 stands for every address
    #[arg(long, env = "ROCKET_ADDRESS", value_name = "IP", default_value = "127.0.0.1",
          value_parser = described("an IP address such as 0.0.0.0", IpAddr::from_str))]
    pub(crate) address: IpAddr,

    /// Port to listen on; 0 selects a free port
    #[arg(long, env = "ROCKET_PORT", value_name = "PORT", default_value = "8000",
          value_parser = described("an integer from 0 to 65535", u16::from_str))]
    pub(crate) port: u16,

    /// The application's own settings.
    #[command(flatten)]
    pub(crate) settings: Settings,

    /// Accepted for compatibility and ignored: spans go to OTEL_EXPORTER_OTLP_ENDPOINT
    #[arg(long, env = "JAEGER_AGENT_HOST", value_name = "HOST", hide = true)]
    jaeger_agent_host: Option<String>,

    /// Accepted for compatibility and ignored, as JAEGER_AGENT_HOST is
    #[arg(long, env = "JAEGER_AGENT_PORT", value_name = "PORT", hide = true)]
    jaeger_agent_port: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_command() {
        assert_eq!(with_default_command(words(&["x"])), words(&["x", "serve"]));
        assert_eq!(
            with_default_command(words(&["x", "--port", "1"])),
            words(&["x", "serve", "--port", "1"])
        );
        for same in [["x", "runner"], ["x", "--help"], ["x", "-V"], ["x", "sevre"]] {
            assert_eq!(with_default_command(words(&same)), words(&same));
        }
    }

    #[test]
    fn an_invalid_value_names_its_variable_and_what_is_expected() {
        for (option, value, variable, expected) in [
            ("--port", "99999", "ROCKET_PORT", "an integer from 0 to 65535"),
            ("--address", "localhost", "ROCKET_ADDRESS", "an IP address such as 0.0.0.0"),
            ("--downstream-url", "ftp://x", "DOWNSTREAM_URL", "http://localhost:8001"),
            ("--jaeger-ui-url", "localhost", "JAEGER_UI_URL", "http://localhost:16686"),
            ("--recent-traces-max", "-1", "RECENT_TRACES_MAX", "an integer of at least 0"),
            ("--recent-traces-max-bytes", "1k", "RECENT_TRACES_MAX_BYTES", "an integer"),
        ] {
            let error = Cli::try_parse_from(["x", "serve", &format!("{option}={value}")]);
            let error = error.expect_err("invalid").to_string();
            let start = format!("error: invalid value '{value}' for '{option} <");
            assert!(error.starts_with(&start), "{error}");
            assert!(error.contains(&format!("({option} or {variable})")), "{error}");
            assert!(error.contains(&format!("expected {expected}")) || error.contains(expected));
        }
    }
}

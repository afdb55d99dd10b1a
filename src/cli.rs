//! The command line. A field's doc comment is its `--help`.

use std::ffi::OsString;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use url::Url;

use crate::app::Settings;
use crate::healthcheck::HealthcheckArgs;
use crate::recent_traces::RecentTracesLimits;
use crate::serve::Serve;
use runner::RunnerArgs;

/// Application performance monitoring with OpenTelemetry, in a Rocket application.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    /// What to do; `serve` where nothing is said
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the one binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the application and the page that shows its traces (the default)
    #[command(after_long_help = opentelemetry_autoconfigure::help())]
    Serve(ServeArgs),
    /// Test a running application: its answers, then load, then its traces in Jaeger
    Runner(RunnerArgs),
    /// Ask the local server whether it is healthy: for containers
    Healthcheck(HealthcheckArgs),
}

impl Cli {
    /// The command line of this process; a wrong one ends it with a message and exit code 2.
    #[must_use]
    pub fn from_process() -> Self {
        Self::parse_from(with_default_command(std::env::args_os().collect()))
    }
}

/// `serve` is the command where the first word is none: `rocket-otel-demo --port 9000`.
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
    /// The address to listen on; 0.0.0.0 is every one
    #[arg(long, env = "ROCKET_ADDRESS", value_name = "IP", default_value = "127.0.0.1",
          value_parser = |text: &str| or_default::<IpAddr>(text, "127.0.0.1", "--address or ROCKET_ADDRESS takes an IP address such as 0.0.0.0"))]
    address: IpAddr,

    /// The port to listen on; 0 takes a free one
    #[arg(long, env = "ROCKET_PORT", value_name = "PORT", default_value = "8000",
          value_parser = |text: &str| or_default::<u16>(text, "8000", "--port or ROCKET_PORT takes a port from 0 to 65535"))]
    port: u16,

    /// The service that /api/chain calls; this one itself if none is given
    #[arg(long, env = "DOWNSTREAM_URL", value_name = "URL", default_value = "", hide_default_value = true,
          value_parser = |text: &str| web_address(text, "--downstream-url or DOWNSTREAM_URL"))]
    downstream_url: MaybeUrl,

    /// The Jaeger UI that the page's traces link to, such as http://localhost:16686
    #[arg(long, env = "JAEGER_UI_URL", value_name = "URL", default_value = "", hide_default_value = true,
          value_parser = |text: &str| web_address(text, "--jaeger-ui-url or JAEGER_UI_URL"))]
    jaeger_ui_url: MaybeUrl,

    /// Believe Forwarded and X-Forwarded-* headers: only behind a proxy that sets them itself
    #[arg(long, env = "TRUST_FORWARDED_HEADERS", value_parser = trust)]
    trust_forwarded: bool,

    /// Traces kept for the page; 0 disables it
    #[arg(long, env = "RECENT_TRACES_MAX", value_name = "TRACES", default_value = "100",
          value_parser = |text: &str| or_default::<usize>(text, "100", "--recent-traces-max or RECENT_TRACES_MAX takes a whole number"))]
    recent_traces_max: usize,

    /// Bytes of spans kept for the page
    #[arg(long, env = "RECENT_TRACES_MAX_BYTES", value_name = "BYTES", default_value = "8388608",
          value_parser = |text: &str| or_default::<usize>(text, "8388608", "--recent-traces-max-bytes or RECENT_TRACES_MAX_BYTES takes a whole number"))]
    recent_traces_max_bytes: usize,

    /// Accepted for compatibility: Jaeger's agent is no more, spans go where
    /// OTEL_EXPORTER_OTLP_ENDPOINT says
    #[arg(long, env = "JAEGER_AGENT_HOST", value_name = "HOST", hide = true)]
    jaeger_agent_host: Option<String>,

    /// Accepted for compatibility, as JAEGER_AGENT_HOST is
    #[arg(long, env = "JAEGER_AGENT_PORT", value_name = "PORT", hide = true)]
    jaeger_agent_port: Option<String>,
}

/// An alias hides the `Option` from clap, which then leaves it to the parser to say None for an
/// empty variable: compose files make one of an unset variable.
type MaybeUrl = Option<Url>;

impl ServeArgs {
    /// What to serve, and where.
    #[must_use]
    pub fn into_serve(self) -> Serve {
        Serve {
            address: self.address,
            port: self.port,
            settings: Settings {
                downstream: self.downstream_url,
                jaeger_ui: self.jaeger_ui_url,
                trust_forwarded: self.trust_forwarded,
                recent_traces: RecentTracesLimits {
                    max_traces: self.recent_traces_max,
                    max_bytes: self.recent_traces_max_bytes,
                },
            },
        }
    }
}

// Clap names the option alone, but the value may have come from the variable: `good` names both.

/// A boolean; an empty value counts as unset.
fn trust(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "" | "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("TRUST_FORWARDED_HEADERS takes true or false"),
    }
}

/// An empty variable counts as unset.
fn or_default<T: FromStr<Err: Display>>(
    text: &str,
    default: &str,
    good: &str,
) -> Result<T, String> {
    let text = if text.is_empty() { default } else { text };
    text.parse().map_err(|error| format!("{error}: {good}"))
}

fn web_address(text: &str, option: &str) -> Result<MaybeUrl, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let error = || format!("{option} takes an address such as http://localhost:8001");
    url.map(Some).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_command_where_none_is_named() {
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
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(or_default::<u16>("", "8000", "a port"), Ok(8000));
        assert_eq!(web_address("", "--url"), Ok(None));
    }

    #[test]
    fn forwarded_headers_are_trusted_only_where_the_text_says_so() {
        for (text, trusted) in [("", Ok(false)), ("oN", Ok(true)), ("0", Ok(false))] {
            assert_eq!(trust(text), trusted, "{text:?}");
        }
        assert!(trust("perhaps").is_err_and(|error| error.contains("true or false")));
    }

    #[test]
    fn a_bad_address_is_told_what_would_do() {
        assert!(
            web_address("ftp://x", "--url").expect_err("not http").contains("http://localhost")
        );
        assert!(
            or_default::<u16>("99999", "8000", "a port").expect_err("large").contains("a port")
        );
    }
}

//! The environment variables: one table of them, and typed readers that name what is wrong.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::str::FromStr;
use std::time::Duration;

use super::config::ConfigError;

/// An environment variable that the telemetry honours.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name. A `{SIGNAL}` in it stands for nothing, and for each of `TRACES_`, `METRICS_` and
    /// `LOGS_`: the signal's own variable wins over the general one.
    pub name: &'static str,
    /// What holds where it is unset or empty.
    pub default: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
}

const fn row(name: &'static str, default: &'static str, help: &'static str) -> Variable {
    Variable { name, default, help }
}

/// Every variable that telemetry reads, with what the specification gives as its meaning
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
pub const VARIABLES: &[Variable] = &[
    row(
        "OTEL_SDK_DISABLED",
        "false",
        "true: no spans, metrics or logs; contexts are still handed on",
    ),
    row("OTEL_SERVICE_NAME", "rocket-demo-app", "service.name of everything exported"),
    row("OTEL_RESOURCE_ATTRIBUTES", "", "key=value,... of the resource, percent-encoded"),
    row("OTEL_LOG_LEVEL", "info", "off, error, warn, info, debug or trace, on stderr and exported"),
    row("OTEL_PROPAGATORS", "tracecontext,baggage", "a list of tracecontext and baggage, or none"),
    row("OTEL_TRACES_EXPORTER", "otlp", "a list of otlp and console, or none"),
    row("OTEL_METRICS_EXPORTER", "otlp", "a list of otlp and console, or none"),
    row(
        "OTEL_LOGS_EXPORTER",
        "none",
        "a list of otlp and console, or none; stderr has them anyway",
    ),
    row(
        "OTEL_TRACES_SAMPLER",
        "parentbased_always_on",
        "[parentbased_]always_on, always_off or traceidratio",
    ),
    row("OTEL_TRACES_SAMPLER_ARG", "1.0", "the ratio of traceidratio, from 0 to 1"),
    row("OTEL_BSP_SCHEDULE_DELAY", "5000", "ms until an incomplete batch of spans goes out"),
    row(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "32768",
        "spans kept for an exporter; more are dropped and counted",
    ),
    row("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512", "spans in one export"),
    row("OTEL_BSP_EXPORT_TIMEOUT", "30000", "ms that one export of spans may take"),
    row("OTEL_BLRP_SCHEDULE_DELAY", "1000", "ms until an incomplete batch of log records goes out"),
    row("OTEL_BLRP_MAX_QUEUE_SIZE", "2048", "log records kept for the exporter"),
    row("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "512", "log records in one export"),
    row("OTEL_BLRP_EXPORT_TIMEOUT", "30000", "ms that one export of log records may take"),
    row("OTEL_METRIC_EXPORT_INTERVAL", "60000", "ms between exports of metrics"),
    row("OTEL_METRIC_EXPORT_TIMEOUT", "30000", "ms that one export of metrics may take"),
    row("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "128", "attributes a span"),
    row("OTEL_SPAN_EVENT_COUNT_LIMIT", "128", "events a span"),
    row("OTEL_SPAN_LINK_COUNT_LIMIT", "128", "links a span"),
    row("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "128", "attributes an event"),
    row("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "128", "attributes a link"),
    row("OTEL_ATTRIBUTE_COUNT_LIMIT", "128", "attributes of anything without a limit of its own"),
    row("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "", "characters kept of a text value; unset: all"),
    row("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "", "the same, for spans alone"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}PROTOCOL", "grpc", "grpc or http/protobuf"),
    row(
        "OTEL_EXPORTER_OTLP_{SIGNAL}ENDPOINT",
        "http://localhost:4317",
        "where to; :4318 for http/protobuf, to which the general one adds /v1/traces and so on",
    ),
    row(
        "OTEL_EXPORTER_OTLP_{SIGNAL}INSECURE",
        "false",
        "plain text for a gRPC endpoint that names no scheme",
    ),
    row(
        "OTEL_EXPORTER_OTLP_{SIGNAL}HEADERS",
        "",
        "key=value,... sent along, percent-encoded; never shown",
    ),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}TIMEOUT", "10000", "ms for one request to the collector"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}COMPRESSION", "none", "gzip or none"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}CERTIFICATE", "", "PEM file of the CA to trust, for https"),
    row(
        "OTEL_EXPORTER_OTLP_{SIGNAL}CLIENT_CERTIFICATE",
        "",
        "PEM file of the client's certificate",
    ),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}CLIENT_KEY", "", "PEM file of the client's key"),
    row(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "cumulative",
        "cumulative, delta or lowmemory",
    ),
    row(
        "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
        "RFC 9110's and PATCH",
        "HTTP methods told by name, in place of the default list",
    ),
    row(
        "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS",
        "",
        "request headers to record on spans; headers can hold secrets",
    ),
    row(
        "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS",
        "",
        "response headers to record on spans",
    ),
];

/// The variables that are set, from the process or, in tests, from a list.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut variables = BTreeMap::new();
        // One by one: collecting would sort, which is 10 KiB of code in the component.
        variables.extend(pairs.into_iter().map(|(k, v)| (k.into(), v.into())));
        Self(variables)
    }
}

impl Variables {
    /// Those of this process. One that is not UTF-8 is taken with replacement characters, so that
    /// it fails by name where it matters.
    #[must_use]
    pub fn from_process() -> Self {
        std::env::vars_os()
            .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
            .collect()
    }

    /// Sets a variable that is not set: an application's own default.
    pub fn set_default(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// A variable's value; an empty one counts as unset, as the specification has it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(is_listed(name), "{name} is not in the table of variables");
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A number within bounds.
    pub(crate) fn number<T>(&self, name: &str, least: T, default: T) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let number = value.parse().ok().filter(|number| *number >= least);
        number.ok_or_else(|| {
            ConfigError::new(
                name,
                value,
                format!("a whole number, {least} or more (default {default})"),
            )
        })
    }

    /// A time in milliseconds.
    pub(crate) fn millis(
        &self,
        name: &str,
        least: u64,
        default: u64,
    ) -> Result<Duration, ConfigError> {
        Ok(Duration::from_millis(self.number(name, least, default)?))
    }

    /// `true` in any case is true; the specification has anything else be false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ConfigError> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(ConfigError::new(name, other, "true or false")),
        }
    }

    /// One of some words, in any case.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
        default: T,
    ) -> Result<T, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        choose(name, value, choices)
    }

    /// A comma-separated list of some words without repetition, or `none` alone.
    pub(crate) fn list<T: Copy + PartialEq>(
        &self,
        name: &str,
        choices: &[(&str, T)],
        default: &[T],
    ) -> Result<Vec<T>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(default.to_vec());
        };
        if value.eq_ignore_ascii_case("none") {
            return Ok(Vec::new());
        }
        let mut chosen = Vec::new();
        for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let choice = choose(name, word, choices).map_err(|e| e.or("none alone"))?;
            if !chosen.contains(&choice) {
                chosen.push(choice);
            }
        }
        Ok(chosen)
    }

    /// A comma-separated list of any words.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let list = self.get(name).unwrap_or_default().split(',').map(str::trim);
        list.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// The signal's own variable, else the general one, with the name of the one that counted.
    pub(crate) fn signal(&self, signal: &str, name: &str) -> (String, Option<&str>) {
        let own = format!("OTEL_EXPORTER_OTLP_{signal}_{name}");
        if let Some(value) = self.get(&own) {
            return (own, Some(value));
        }
        let general = format!("OTEL_EXPORTER_OTLP_{name}");
        let value = self.get(&general);
        (general, value)
    }

    /// Variables that look meant for OpenTelemetry and that nothing here reads: most are typos.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &str> {
        let ours = |name: &&str| name.starts_with("OTEL_");
        self.0.keys().map(String::as_str).filter(ours).filter(|name| !is_listed(name))
    }
}

fn choose<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
    let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(value));
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        ConfigError::new(name, value, format!("one of {}", words.join(", ")))
    })
}

fn is_listed(name: &str) -> bool {
    VARIABLES.iter().any(|variable| match variable.name.split_once("{SIGNAL}") {
        None => variable.name == name,
        Some((front, back)) => name.strip_prefix(front).is_some_and(|rest| {
            ["", "TRACES_", "METRICS_", "LOGS_"].iter().any(|s| rest.strip_prefix(s) == Some(back))
        }),
    })
}

/// The table as the end of `serve --help`.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("Environment variables (an empty one counts as unset):\n");
    for Variable { name, default, help } in VARIABLES {
        let name = name.replace("{SIGNAL}", "[SIGNAL_]");
        // Writing to a string does not fail.
        let _ = write!(text, "  {name}\n          {help}");
        if !default.is_empty() {
            let _ = write!(text, " [default: {default}]");
        }
        text.push('\n');
    }
    text.push_str(
        "SIGNAL is TRACES, METRICS or LOGS: a signal's own variable wins over the general one.",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation's table, made from this one: a row here that is not there fails.
    #[test]
    fn the_documentation_tells_every_variable_with_its_default() {
        let mut table =
            String::from("| variable | default | what it does |\n| --- | --- | --- |\n");
        for Variable { name, default, help } in VARIABLES {
            let name = name.replace("{SIGNAL}", "*");
            let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
            let _ = writeln!(table, "| `{name}` | {default} | {help} |");
        }
        let documented = include_str!("../../../docs/configuration.md");
        assert!(documented.contains(&table), "docs/configuration.md shall hold:\n{table}");
    }
}

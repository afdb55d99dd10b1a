//! The environment variables: one table of them, and typed readers.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::str::FromStr;
use std::time::Duration;

use super::config::Defaults;
use super::signal::Signal;

/// An environment variable that this crate reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name. `{SIGNAL}` stands for nothing and for each of `TRACES_`, `METRICS_` and `LOGS_`:
    /// the variable of a signal takes precedence over the general one.
    pub name: &'static str,
    /// The value that applies while the variable is unset, empty or invalid.
    pub default: &'static str,
    /// Its effect, in one line.
    pub help: &'static str,
}

const fn row(name: &'static str, default: &'static str, help: &'static str) -> Variable {
    Variable { name, default, help }
}

const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Every variable that [`Config`](super::Config) is read from. Their meaning is that of the specification:
/// [SDK](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/),
/// [OTLP exporter](https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    row("OTEL_SDK_DISABLED", "false", "true disables spans, metrics and logs; contexts are still propagated"),
    row(SERVICE_NAME, "unknown_service:<executable>", "service.name of all telemetry"),
    row("OTEL_RESOURCE_ATTRIBUTES", "", "resource attributes: key=value,..., percent-encoded"),
    row("OTEL_LOG_LEVEL", "info", "off, error, warn, info, debug or trace; for stderr and exported records"),
    row("OTEL_PROPAGATORS", "tracecontext,baggage", "a list of tracecontext and baggage, or none"),
    row("OTEL_TRACES_EXPORTER", "otlp", "a list of otlp and console, or none"),
    row("OTEL_METRICS_EXPORTER", "otlp", "a list of otlp and console, or none"),
    row("OTEL_LOGS_EXPORTER", "none", "a list of otlp and console, or none; stderr is independent of it"),
    row("OTEL_TRACES_SAMPLER", "parentbased_always_on", "[parentbased_]always_on, always_off or traceidratio"),
    row("OTEL_TRACES_SAMPLER_ARG", "1.0", "the ratio of traceidratio, from 0 to 1"),
    row("OTEL_BSP_SCHEDULE_DELAY", "5000", "ms after which an incomplete batch of spans is exported"),
    row("OTEL_BSP_MAX_QUEUE_SIZE", "32768", "spans that wait for one exporter; further spans are dropped and counted"),
    row("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512", "spans per export"),
    row("OTEL_BSP_EXPORT_TIMEOUT", "30000", "ms for one export of spans; 0: no limit"),
    row("OTEL_BLRP_SCHEDULE_DELAY", "1000", "ms after which an incomplete batch of log records is exported"),
    row("OTEL_BLRP_MAX_QUEUE_SIZE", "2048", "log records that wait for the exporter"),
    row("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "512", "log records per export"),
    row("OTEL_BLRP_EXPORT_TIMEOUT", "30000", "ms for one export of log records; 0: no limit"),
    row("OTEL_METRIC_EXPORT_INTERVAL", "60000", "ms between exports of metrics"),
    row("OTEL_METRIC_EXPORT_TIMEOUT", "30000", "ms for one export of metrics; 0: no limit"),
    row("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "128", "attributes per span"),
    row("OTEL_SPAN_EVENT_COUNT_LIMIT", "128", "events per span"),
    row("OTEL_SPAN_LINK_COUNT_LIMIT", "128", "links per span"),
    row("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "128", "attributes per event"),
    row("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "128", "attributes per link"),
    row("OTEL_ATTRIBUTE_COUNT_LIMIT", "128", "attributes where no specific limit is set"),
    row("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "", "characters per text value; unset: no limit"),
    row("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "", "the same for spans only"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}PROTOCOL", "grpc", "grpc or http/protobuf"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}ENDPOINT", "http://localhost:4317", "the collector; port 4318 for http/protobuf, which appends /v1/traces etc. to the general variable"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}INSECURE", "false", "plain text for a gRPC endpoint without a scheme"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}HEADERS", "", "request headers: key=value,..., percent-encoded; never shown"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}TIMEOUT", "10000", "ms for one request to the collector; 0: no limit"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}COMPRESSION", "none", "gzip or none"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}CERTIFICATE", "", "PEM file of the certificate authorities to trust"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}CLIENT_CERTIFICATE", "", "PEM file of the client certificate"),
    row("OTEL_EXPORTER_OTLP_{SIGNAL}CLIENT_KEY", "", "PEM file of the client key"),
    row("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative", "cumulative, delta or lowmemory"),
    row("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "those of RFC 9110 and PATCH", "HTTP methods that are recorded by name"),
    row("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS", "", "request headers to record on spans; headers can hold secrets"),
    row("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS", "", "response headers to record on spans"),
];

/// A snapshot of environment variables: of the process, or any list of pairs.
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
    /// The variables of this process. Bytes that are not UTF-8 become replacement characters.
    #[must_use]
    pub fn from_process() -> Self {
        std::env::vars_os()
            .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
            .collect()
    }

    /// Sets a variable unless it is set: a default of the application.
    pub fn set_default(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// A variable's value. An empty one counts as unset, as specified.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(is_listed(name), "{name} is not in the table of variables");
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// Reads typed values. An invalid value is ignored with a warning, as specified.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    variables: &'a Variables,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Begins with a warning for each `OTEL_*` variable that is not in the table. Its value may be
    /// a secret, for example that of a mistyped `OTEL_EXPORTER_OTLP_HEADERS`.
    pub(crate) fn new(variables: &'a Variables) -> Self {
        let names = variables.0.keys().filter(|name| name.starts_with("OTEL_") && !is_listed(name));
        let warnings =
            names.map(|name| format!("unknown variable {name} is ignored: check its spelling"));
        Self { variables, warnings: warnings.collect() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.variables.get(name)
    }

    /// The first of these variables with a value that `parse` accepts, else the default. Each
    /// value that it rejects becomes a warning; `show` formats the value used instead.
    pub(crate) fn first<T>(
        &mut self,
        names: &[impl AsRef<str>],
        expected: &str,
        default: T,
        parse: impl Fn(&str, &'a str) -> Option<T>,
        show: impl Fn(&T) -> String,
    ) -> T {
        let mut invalid = Vec::new();
        let set = names.iter().map(AsRef::as_ref);
        let mut set = set.filter_map(|name| Some((name, self.variables.get(name)?)));
        let valid = set.find_map(|(name, value)| {
            let parsed = parse(name, value);
            if parsed.is_none() {
                invalid.push(invalid_value(name, value));
            }
            parsed
        });
        let used = valid.unwrap_or(default);
        for invalid in invalid {
            self.warn(format!("{invalid}: expected {expected}; using {}", show(&used)));
        }
        used
    }

    /// Each signal reads the general variables: one warning is enough.
    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// An integer that is not below `at_least`.
    pub(crate) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        names: &[impl AsRef<str>],
        at_least: T,
        default: T,
    ) -> T {
        let expected = format!("an integer of at least {at_least}");
        let parse = |_: &str, value: &str| value.parse().ok().filter(|number| *number >= at_least);
        self.first(names, &expected, default, parse, T::to_string)
    }

    /// A time in milliseconds.
    pub(crate) fn millis(&mut self, name: &str, at_least: u64, default: u64) -> Duration {
        Duration::from_millis(self.number(&[name], at_least, default))
    }

    /// A timeout in milliseconds, of which 0 means no limit.
    pub(crate) fn timeout(&mut self, names: &[impl AsRef<str>], default: u64) -> Duration {
        match self.number(names, 0, default) {
            0 => Duration::MAX,
            millis => Duration::from_millis(millis),
        }
    }

    /// `true` in any case is true; anything else is false, as specified.
    pub(crate) fn flag(&mut self, names: &[impl AsRef<str>]) -> bool {
        self.choice(names, &[("true", true), ("false", false)], false)
    }

    /// One of some words, in any case.
    pub(crate) fn choice<T: Copy + PartialEq>(
        &mut self,
        names: &[impl AsRef<str>],
        choices: &[(&str, T)],
        default: T,
    ) -> T {
        let expected = format!("one of {}", join(choices, ", "));
        let show = |used: &T| join(choices.iter().find(|(_, choice)| choice == used), "");
        self.first(names, &expected, default, |_, value| choose(value, choices), show)
    }

    /// A comma-separated list of some words without repetition, or `none` alone. Of a list, the
    /// words that are known apply.
    pub(crate) fn list<T: Copy + PartialEq>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
        default: &[T],
    ) -> Vec<T> {
        let value = self.get(name).unwrap_or_default();
        let mut known = Vec::new();
        if value.eq_ignore_ascii_case("none") {
            return known;
        }
        let chosen: Vec<_> = words(value).map(|word| choose(word, choices)).collect();
        for choice in chosen.iter().copied().flatten() {
            if !known.contains(&choice) {
                known.push(choice);
            }
        }
        if known.is_empty() {
            known = default.to_vec();
        }
        if chosen.contains(&None) {
            let name_of = |choice: &T| choices.iter().find(|(_, other)| other == choice);
            let used = join(known.iter().filter_map(name_of), ",");
            let used = if used.is_empty() { "none" } else { &used };
            let (invalid, expected) = (invalid_value(name, value), join(choices, ", "));
            self.warn(format!("{invalid}: expected a list of {expected}, or none; using {used}"));
        }
        known
    }

    /// A comma-separated list of any words.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        words(self.get(name).unwrap_or_default()).map(str::to_owned).collect()
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn choose<T: Copy>(value: &str, choices: &[(&str, T)]) -> Option<T> {
    choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map(|(_, choice)| *choice)
}

fn join<'a, T: 'a>(choices: impl IntoIterator<Item = &'a (&'a str, T)>, separator: &str) -> String {
    choices.into_iter().map(|(word, _)| *word).collect::<Vec<_>>().join(separator)
}

/// Names a variable and its value, unless the value may hold a secret: headers do, and so does an
/// address with credentials or a query.
fn invalid_value(name: &str, value: &str) -> String {
    let secret =
        name.ends_with("HEADERS") || name.ends_with("ENDPOINT") && value.contains(['@', '?']);
    if secret {
        format!("invalid {name} (value not shown)")
    } else {
        format!("invalid {name}={value:?}")
    }
}

/// The names of an OTLP variable for a signal, the one that takes precedence first.
pub(crate) fn otlp_names(signal: Signal, name: &str) -> [String; 2] {
    let own = format!("OTEL_EXPORTER_OTLP_{}_{name}", signal.in_variables());
    [own, format!("OTEL_EXPORTER_OTLP_{name}")]
}

/// The names alone: a component that looks them up does not carry the other texts.
const NAMES: [&str; VARIABLES.len()] = {
    let mut names = [""; VARIABLES.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = VARIABLES[index].name;
        index += 1;
    }
    names
};

fn is_listed(name: &str) -> bool {
    NAMES.iter().any(|listed| match listed.split_once("{SIGNAL}") {
        None => *listed == name,
        Some((front, back)) => name.strip_prefix(front).is_some_and(|rest| {
            ["", "TRACES_", "METRICS_", "LOGS_"].iter().any(|s| rest.strip_prefix(s) == Some(back))
        }),
    })
}

/// The table of variables as text for `--help`, with the application's own defaults.
#[must_use]
pub fn help(defaults: &Defaults) -> String {
    let mut text = String::from("Environment variables (an empty one counts as unset):\n");
    for Variable { name, default, help } in VARIABLES {
        let default = if *name == SERVICE_NAME { defaults.service_name.as_str() } else { default };
        let name = name.replace("{SIGNAL}", "[SIGNAL_]");
        // Writing to a string does not fail.
        let _ = write!(text, "  {name}\n          {help}");
        if !default.is_empty() {
            let _ = write!(text, " [default: {default}]");
        }
        text.push('\n');
    }
    text.push_str(
        "SIGNAL is TRACES, METRICS or LOGS: the variable of a signal takes precedence over the general one.",
    );
    text
}

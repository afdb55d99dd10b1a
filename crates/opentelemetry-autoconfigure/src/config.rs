//! From `OTEL_*` variables to a validated configuration.
//!
//! Precedence is written down here once: a signal's own variable, the general one, the default.
//! Everything is read before anything is built, and handed to the SDK's builders as values, so
//! that what a test configures does not depend on the process it runs in.

use std::time::Duration;

use log::LevelFilter;

use super::otlp::{Otlp, Protocol, otlp, pairs};
use super::variables::Variables;
use opentelemetry_http_semconv::KnownMethods;

/// A variable whose value does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {value:?} will not do; it takes {expected}")]
pub struct ConfigError {
    /// The variable.
    pub name: String,
    /// What it said, unless that may be a secret.
    pub value: String,
    /// What would do.
    pub expected: String,
}

impl ConfigError {
    pub(crate) fn new(name: &str, value: &str, expected: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: value.to_owned(), expected: expected.into() }
    }

    pub(crate) fn or(mut self, other: &str) -> Self {
        self.expected.push_str(" or ");
        self.expected.push_str(other);
        self
    }
}

/// Where a signal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exporter {
    /// To a collector by the OpenTelemetry protocol.
    Otlp,
    /// To standard output, for debugging without a network.
    Console,
}

const EXPORTERS: [(&str, Exporter); 2] = [("otlp", Exporter::Otlp), ("console", Exporter::Console)];

/// Whether a new trace is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Root {
    /// Always.
    On,
    /// Never.
    Off,
    /// This part of all traces.
    Ratio(f64),
}

/// `OTEL_TRACES_SAMPLER` and its argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Whether a span with a parent does as the parent did.
    pub parent_based: bool,
    /// What decides otherwise.
    pub root: Root,
}

/// What hands contexts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagator {
    /// W3C Trace Context.
    TraceContext,
    /// W3C Baggage.
    Baggage,
}

/// A batch processor's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Until an incomplete batch goes out.
    pub delay: Duration,
    /// What is kept at the most.
    pub queue: usize,
    /// What one export takes at the most.
    pub batch: usize,
}

/// The limits of what a span holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attributes a span.
    pub attributes: u32,
    /// Events a span.
    pub events: u32,
    /// Links a span.
    pub links: u32,
    /// Attributes an event.
    pub event_attributes: u32,
    /// Attributes a link.
    pub link_attributes: u32,
    /// Characters a text value.
    pub value_length: Option<usize>,
}

/// How metrics add up between exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Since the start.
    Cumulative,
    /// Since the last export.
    Delta,
    /// Delta where that saves memory.
    LowMemory,
}

/// A signal's exporters and how its OTLP exporter, if any, reaches the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Where it goes; nowhere if empty.
    pub exporters: Vec<Exporter>,
    /// How, if `otlp` is one of them.
    pub otlp: Otlp,
}

/// All that telemetry is built from.
#[derive(Clone, Debug)]
pub struct Config {
    /// `OTEL_SDK_DISABLED`.
    pub disabled: bool,
    /// `service.name`.
    pub service_name: String,
    /// What `OTEL_RESOURCE_ATTRIBUTES` adds.
    pub resource: Vec<(String, String)>,
    /// `OTEL_LOG_LEVEL`.
    pub log_level: LevelFilter,
    /// `OTEL_PROPAGATORS`.
    pub propagators: Vec<Propagator>,
    /// `OTEL_TRACES_SAMPLER`.
    pub sampling: Sampling,
    /// `OTEL_SPAN_*_LIMIT` and their kin.
    pub limits: Limits,
    /// `OTEL_BSP_*`.
    pub span_batching: Batching,
    /// `OTEL_BLRP_*`.
    pub log_batching: Batching,
    /// `OTEL_METRIC_EXPORT_INTERVAL`.
    pub metric_interval: Duration,
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
    pub temporality: Temporality,
    /// Spans.
    pub traces: Signal,
    /// Metrics.
    pub metrics: Signal,
    /// Log records.
    pub logs: Signal,
    /// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`.
    pub known_methods: KnownMethods,
    /// Request headers that spans tell.
    pub request_headers: Vec<String>,
    /// Response headers that spans tell.
    pub response_headers: Vec<String>,
    /// What deserves a warning, but no refusal.
    pub warnings: Vec<String>,
}

/// What an application chooses for variables that are not set.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// `service.name`.
    pub service_name: String,
    /// `service.version`; left out if `None`.
    pub service_version: Option<String>,
    /// The protocol of OTLP: not every program can speak gRPC.
    pub protocol: Protocol,
}

impl Default for Defaults {
    /// `unknown_service:<executable>`, as the resource conventions specify, no version, and gRPC.
    fn default() -> Self {
        let executable = std::env::current_exe().ok();
        let name = executable.as_deref().and_then(std::path::Path::file_name);
        let service_name = match name {
            Some(name) => format!("unknown_service:{}", name.to_string_lossy()),
            None => "unknown_service".to_owned(),
        };
        Self { service_name, service_version: None, protocol: Protocol::Grpc }
    }
}

/// Spans kept for an exporter that cannot take them: 30 s at 1,000 spans a second, some 30 MiB.
/// The specification's 2,048 would last two seconds; the queue grows only as it is needed.
const SPAN_QUEUE: usize = 32_768;

impl Config {
    /// Reads and checks every variable of [`VARIABLES`](super::VARIABLES).
    ///
    /// # Errors
    /// The first variable whose value does not do.
    pub fn from_variables(vars: &Variables) -> Result<Self, ConfigError> {
        Self::with_defaults(vars, &Defaults::default())
    }

    /// As [`from_variables`](Self::from_variables), with the application's own defaults.
    ///
    /// # Errors
    /// As [`from_variables`](Self::from_variables).
    pub fn with_defaults(vars: &Variables, defaults: &Defaults) -> Result<Self, ConfigError> {
        let mut warnings: Vec<String> = vars
            .unknown()
            .map(|name| {
                format!("{name} is set, but nothing here reads it: a typo? See serve --help")
            })
            .collect();
        let (resource, service_name) = resource(vars, defaults, &mut warnings);
        let general = vars.number("OTEL_ATTRIBUTE_COUNT_LIMIT", 0, 128)?;
        let span_attributes = vars.number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0, general)?;
        let batch_size = |name, queue| {
            // A batch that is larger than the queue would never fill.
            vars.number(name, 1, 512).map(|batch: usize| batch.min(queue))
        };
        let span_queue = vars.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, SPAN_QUEUE)?;
        let log_queue = vars.number("OTEL_BLRP_MAX_QUEUE_SIZE", 1, 2_048)?;
        let signal = |name, exporters: &[Exporter], timeout| {
            signal(vars, name, exporters, defaults.protocol, timeout)
        };
        let both = [Propagator::TraceContext, Propagator::Baggage];
        let propagators = [("tracecontext", both[0]), ("baggage", both[1])];
        Ok(Self {
            disabled: vars.flag("OTEL_SDK_DISABLED")?,
            service_name,
            resource,
            log_level: log_level(vars)?,
            propagators: vars.list("OTEL_PROPAGATORS", &propagators, &both)?,
            sampling: sampling(vars)?,
            limits: Limits {
                attributes: span_attributes,
                events: vars.number("OTEL_SPAN_EVENT_COUNT_LIMIT", 0, 128)?,
                links: vars.number("OTEL_SPAN_LINK_COUNT_LIMIT", 0, 128)?,
                event_attributes: vars.number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 0, general)?,
                link_attributes: vars.number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 0, general)?,
                value_length: value_length(vars)?,
            },
            span_batching: Batching {
                delay: vars.millis("OTEL_BSP_SCHEDULE_DELAY", 0, 5_000)?,
                queue: span_queue,
                batch: batch_size("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", span_queue)?,
            },
            log_batching: Batching {
                delay: vars.millis("OTEL_BLRP_SCHEDULE_DELAY", 1, 1_000)?,
                queue: log_queue,
                batch: batch_size("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", log_queue)?,
            },
            metric_interval: vars.millis("OTEL_METRIC_EXPORT_INTERVAL", 1, 60_000)?,
            temporality: temporality(vars)?,
            traces: signal("TRACES", &[Exporter::Otlp], "OTEL_BSP_EXPORT_TIMEOUT")?,
            metrics: signal("METRICS", &[Exporter::Otlp], "OTEL_METRIC_EXPORT_TIMEOUT")?,
            logs: signal("LOGS", &[], "OTEL_BLRP_EXPORT_TIMEOUT")?,
            known_methods: match vars.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") {
                Some(list) => KnownMethods::parse(list),
                None => KnownMethods::default(),
            },
            request_headers: vars.words("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS"),
            response_headers: vars
                .words("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS"),
            warnings,
        })
    }

    /// No telemetry, for a program that has to go on with variables that will not do.
    #[must_use]
    pub fn off(warning: String) -> Self {
        match Self::from_variables(&Variables::default()) {
            Ok(mut config) => {
                config.disabled = true;
                config.warnings.push(warning);
                config
            }
            Err(error) => unreachable!("the defaults are valid: {error}"),
        }
    }
}

fn log_level(vars: &Variables) -> Result<LevelFilter, ConfigError> {
    use LevelFilter::{Debug, Error, Info, Off, Trace, Warn};
    let choices = [
        ("off", Off),
        ("error", Error),
        ("warn", Warn),
        ("info", Info),
        ("debug", Debug),
        ("trace", Trace),
        ("none", Off),
    ];
    vars.choice("OTEL_LOG_LEVEL", &choices, Info)
}

fn temporality(vars: &Variables) -> Result<Temporality, ConfigError> {
    let choices = [
        ("cumulative", Temporality::Cumulative),
        ("delta", Temporality::Delta),
        ("lowmemory", Temporality::LowMemory),
    ];
    let name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    vars.choice(name, &choices, Temporality::Cumulative)
}

fn value_length(vars: &Variables) -> Result<Option<usize>, ConfigError> {
    for name in ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"] {
        if vars.get(name).is_some() {
            return vars.number(name, 0, 0).map(Some);
        }
    }
    Ok(None)
}

fn sampling(vars: &Variables) -> Result<Sampling, ConfigError> {
    let name = "OTEL_TRACES_SAMPLER";
    let value = vars.get(name).unwrap_or("parentbased_always_on").to_ascii_lowercase();
    let (parent_based, root) = match value.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, value.as_str()),
    };
    let root = match root {
        "always_on" => Root::On,
        "always_off" => Root::Off,
        "traceidratio" => Root::Ratio(ratio(vars)?),
        _ => {
            let good = "one of always_on, always_off, traceidratio, or these behind parentbased_ \
                        (jaeger_remote and xray are not built in)";
            return Err(ConfigError::new(name, &value, good));
        }
    };
    Ok(Sampling { parent_based, root })
}

fn ratio(vars: &Variables) -> Result<f64, ConfigError> {
    let name = "OTEL_TRACES_SAMPLER_ARG";
    let Some(value) = vars.get(name) else {
        return Ok(1.0);
    };
    let ratio = value.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| ConfigError::new(name, value, "a ratio from 0 to 1"))
}

/// The resource's attributes and the service's name. As specified, one fault in the list drops
/// the whole list, with a warning: attributes in part would mislead more than none.
fn resource(
    vars: &Variables,
    defaults: &Defaults,
    warnings: &mut Vec<String>,
) -> (Vec<(String, String)>, String) {
    let name = "OTEL_RESOURCE_ATTRIBUTES";
    let mut attributes = vars.get(name).map_or_else(Vec::new, |list| {
        pairs(list).unwrap_or_else(|| {
            warnings.push(format!(
                "{name} is dropped as a whole: it takes key=value,... with other characters percent-encoded"
            ));
            Vec::new()
        })
    });
    let named = attributes.iter().position(|(key, _)| key == "service.name");
    let named = named.map(|index| attributes.remove(index).1);
    let name = vars.get("OTEL_SERVICE_NAME").map(str::to_owned).or(named);
    // Before what the variable says, which wins.
    if let Some(version) = &defaults.service_version {
        attributes.insert(0, ("service.version".to_owned(), version.clone()));
    }
    (attributes, name.unwrap_or_else(|| defaults.service_name.clone()))
}

fn signal(
    vars: &Variables,
    signal: &str,
    default: &[Exporter],
    protocol: Protocol,
    export_timeout: &str,
) -> Result<Signal, ConfigError> {
    let exporters = vars.list(&format!("OTEL_{signal}_EXPORTER"), &EXPORTERS, default)?;
    let mut otlp = otlp(vars, signal, protocol)?;
    otlp.timeout = otlp.timeout.min(vars.millis(export_timeout, 1, 30_000)?);
    Ok(Signal { exporters, otlp })
}

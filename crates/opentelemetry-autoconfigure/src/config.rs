//! The configuration that the `OTEL_*` variables describe.
//!
//! The precedence is: the variable of a signal, the general variable, the application's
//! [`Defaults`], the specification's default. Everything is read before anything is built, so the
//! result depends on the given [`Variables`] only, not on the process.

use std::path::Path;
use std::time::Duration;

use log::LevelFilter;
use opentelemetry_http_semconv::KnownMethods;

use super::otlp::{OtlpConfig, Protocol, pairs};
use super::signal::Signal;
use super::variables::{Reader, Variables};

/// Spans that wait for an exporter: 30 s at 1,000 spans per second, about 30 MiB. The
/// specification's 2,048 would last two seconds; the queue grows only when it is needed.
const SPAN_QUEUE: usize = 32_768;

/// A certificate or key file that cannot be read or used. Any other invalid value is a warning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {name}={value:?}: expected {expected}")]
pub struct ConfigError {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What a valid value looks like, and why this one is not.
    pub expected: String,
}

/// A kind of exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exporter {
    /// To a collector by OTLP.
    Otlp,
    /// To standard output, for debugging without a network.
    Console,
}

/// `OTEL_TRACES_SAMPLER` and its argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Whether a span with a parent follows the parent's decision.
    pub parent_based: bool,
    /// The part of all other spans that is recorded, from 0 to 1.
    pub ratio: f64,
}

/// A propagation format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagator {
    /// W3C Trace Context.
    TraceContext,
    /// W3C Baggage.
    Baggage,
}

/// The settings of a batch processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// The time after which an incomplete batch is exported.
    pub delay: Duration,
    /// The maximum number of items that wait for the exporter, those of exports in flight included.
    pub queue: usize,
    /// The maximum number of items per export.
    pub batch: usize,
}

/// The limits of a span's contents.
#[derive(Clone, Copy, Debug)]
pub struct SpanLimits {
    /// The limits that the SDK applies.
    pub counts: opentelemetry_sdk::trace::SpanLimits,
    /// Characters per text value.
    pub value_length: Option<usize>,
}

/// The aggregation temporality of exported metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Since the start.
    Cumulative,
    /// Since the last export.
    Delta,
    /// Delta where it saves memory.
    LowMemory,
}

/// A signal's exporters and the settings of its OTLP exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalConfig {
    /// The exporters; none disables the signal.
    pub exporters: Vec<Exporter>,
    /// The settings that apply if one of them is [`Exporter::Otlp`].
    pub otlp: OtlpConfig,
}

/// The whole configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// `OTEL_SDK_DISABLED`.
    pub disabled: bool,
    /// `service.name`.
    pub service_name: String,
    /// Resource attributes beside `service.name`.
    pub resource_attributes: Vec<(String, String)>,
    /// `OTEL_LOG_LEVEL`.
    pub log_level: LevelFilter,
    /// `OTEL_PROPAGATORS`.
    pub propagators: Vec<Propagator>,
    /// `OTEL_TRACES_SAMPLER`.
    pub sampling: Sampling,
    /// `OTEL_SPAN_*_LIMIT` and the related limits.
    pub span_limits: SpanLimits,
    /// `OTEL_BSP_*`.
    pub span_batch: BatchConfig,
    /// `OTEL_BLRP_*`.
    pub log_batch: BatchConfig,
    /// `OTEL_METRIC_EXPORT_INTERVAL`.
    pub metric_interval: Duration,
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
    pub temporality: Temporality,
    /// Spans.
    pub traces: SignalConfig,
    /// Metrics.
    pub metrics: SignalConfig,
    /// Log records.
    pub logs: SignalConfig,
    /// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`.
    pub known_methods: KnownMethods,
    /// Request headers to record on spans.
    pub request_headers: Vec<String>,
    /// Response headers to record on spans.
    pub response_headers: Vec<String>,
    /// One line per invalid value: the variable, the value unless it may be a secret, what was
    /// expected, and what is used instead.
    pub warnings: Vec<String>,
}

/// What an application chooses for variables that are not set.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// `service.name`.
    pub service_name: String,
    /// `service.version`; omitted if `None`.
    pub service_version: Option<String>,
    /// The protocol of OTLP. Not every program can speak gRPC.
    pub protocol: Protocol,
}

impl Default for Defaults {
    /// `unknown_service:<executable>`
    /// ([specified](https://opentelemetry.io/docs/specs/semconv/resource/#service)), no version, gRPC.
    fn default() -> Self {
        let executable = std::env::current_exe().ok();
        let name = executable.as_deref().and_then(Path::file_name);
        let service_name = match name {
            Some(name) => format!("unknown_service:{}", name.to_string_lossy()),
            None => "unknown_service".to_owned(),
        };
        Self { service_name, service_version: None, protocol: Protocol::Grpc }
    }
}

impl Default for Config {
    /// The configuration without any variable.
    fn default() -> Self {
        Self::read(&Variables::default(), &Defaults::default())
    }
}

impl Config {
    /// Reads every variable of [`VARIABLES`](super::VARIABLES).
    ///
    /// # Errors
    /// A certificate or key file cannot be read or used.
    pub fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        Self::with_defaults(variables, &Defaults::default())
    }

    /// As [`from_variables`](Self::from_variables), with the application's own defaults.
    ///
    /// # Errors
    /// A certificate or key file cannot be read or used.
    pub fn with_defaults(variables: &Variables, defaults: &Defaults) -> Result<Self, ConfigError> {
        #[allow(unused_mut, reason = "without the SDK no files are read")]
        let mut config = Self::read(variables, defaults);
        #[cfg(feature = "sdk")]
        for (signal, config) in [
            (Signal::Traces, &mut config.traces),
            (Signal::Metrics, &mut config.metrics),
            (Signal::Logs, &mut config.logs),
        ] {
            config.otlp.tls = super::tls_files::read(variables, signal)?;
        }
        Ok(config)
    }

    fn read(variables: &Variables, defaults: &Defaults) -> Self {
        let reader = &mut Reader::new(variables);
        let (service_name, resource_attributes) = resource(reader, defaults);
        let both = [Propagator::TraceContext, Propagator::Baggage];
        let propagators = [("tracecontext", both[0]), ("baggage", both[1])];
        let protocol = defaults.protocol;
        let known_methods = reader.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS");
        let otlp = &[Exporter::Otlp];
        let mut config = Self {
            disabled: reader.flag(&["OTEL_SDK_DISABLED"]),
            service_name,
            resource_attributes,
            log_level: log_level(reader),
            propagators: reader.list("OTEL_PROPAGATORS", &propagators, &both),
            sampling: sampling(reader),
            span_limits: span_limits(reader),
            span_batch: batch(reader, "BSP", 0, 5_000, SPAN_QUEUE),
            log_batch: batch(reader, "BLRP", 1, 1_000, 2_048),
            metric_interval: reader.millis("OTEL_METRIC_EXPORT_INTERVAL", 1, 60_000),
            temporality: reader.choice(
                &["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"],
                &[
                    ("cumulative", Temporality::Cumulative),
                    ("delta", Temporality::Delta),
                    ("lowmemory", Temporality::LowMemory),
                ],
                Temporality::Cumulative,
            ),
            traces: signal(reader, Signal::Traces, otlp, protocol, "OTEL_BSP_EXPORT_TIMEOUT"),
            metrics: signal(reader, Signal::Metrics, otlp, protocol, "OTEL_METRIC_EXPORT_TIMEOUT"),
            logs: signal(reader, Signal::Logs, &[], protocol, "OTEL_BLRP_EXPORT_TIMEOUT"),
            known_methods: known_methods.map(KnownMethods::parse).unwrap_or_default(),
            request_headers: reader
                .words("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS"),
            response_headers: reader
                .words("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS"),
            warnings: Vec::new(),
        };
        config.warnings.append(&mut reader.warnings);
        config
    }
}

fn log_level(reader: &mut Reader<'_>) -> LevelFilter {
    reader.first(
        &["OTEL_LOG_LEVEL"],
        "one of off, error, warn, info, debug, trace, none",
        LevelFilter::Info,
        |_, value| match value.to_ascii_lowercase().as_str() {
            "none" => Some(LevelFilter::Off),
            level => level.parse().ok(),
        },
        |used| used.as_str().to_ascii_lowercase(),
    )
}

fn sampling(reader: &mut Reader<'_>) -> Sampling {
    // Whether the sampler is based on the parent, and the ratio unless it is an argument.
    let choices = [
        ("always_on", (false, Some(1.0))),
        ("always_off", (false, Some(0.0))),
        ("traceidratio", (false, None)),
        ("parentbased_always_on", (true, Some(1.0))),
        ("parentbased_always_off", (true, Some(0.0))),
        ("parentbased_traceidratio", (true, None)),
    ];
    let (parent_based, ratio) =
        reader.choice(&["OTEL_TRACES_SAMPLER"], &choices, (true, Some(1.0)));
    let ratio = ratio.unwrap_or_else(|| {
        let parse = |value: &str| value.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        let (names, expected) = (["OTEL_TRACES_SAMPLER_ARG"], "a ratio from 0 to 1");
        reader.first(&names, expected, 1.0, |_, value| parse(value), |used| format!("{used:?}"))
    });
    Sampling { parent_based, ratio }
}

fn span_limits(reader: &mut Reader<'_>) -> SpanLimits {
    const GENERAL: &str = "OTEL_ATTRIBUTE_COUNT_LIMIT";
    let mut limit = |names: &[&str]| reader.number(names, 0, 128);
    let counts = opentelemetry_sdk::trace::SpanLimits {
        max_attributes_per_span: limit(&["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", GENERAL]),
        max_events_per_span: limit(&["OTEL_SPAN_EVENT_COUNT_LIMIT"]),
        max_links_per_span: limit(&["OTEL_SPAN_LINK_COUNT_LIMIT"]),
        max_attributes_per_event: limit(&["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", GENERAL]),
        max_attributes_per_link: limit(&["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", GENERAL]),
    };
    let value_length = reader.first(
        &["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
        "an integer of at least 0",
        None,
        |_, value| value.parse().ok().map(Some),
        |used: &Option<usize>| used.map_or("no limit".to_owned(), |used| used.to_string()),
    );
    SpanLimits { counts, value_length }
}

fn batch(
    reader: &mut Reader<'_>,
    processor: &str,
    least_delay: u64,
    delay: u64,
    queue: usize,
) -> BatchConfig {
    let name = |setting| format!("OTEL_{processor}_{setting}");
    let queue = reader.number(&[name("MAX_QUEUE_SIZE")], 1, queue);
    let batch = reader.number(&[name("MAX_EXPORT_BATCH_SIZE")], 1, 512);
    // A batch that is larger than the queue would never fill.
    let batch = batch.min(queue);
    BatchConfig { delay: reader.millis(&name("SCHEDULE_DELAY"), least_delay, delay), queue, batch }
}

/// The name of the service and the other attributes of the resource. As specified, one malformed
/// pair invalidates the whole list.
fn resource(reader: &mut Reader<'_>, defaults: &Defaults) -> (String, Vec<(String, String)>) {
    let mut attributes = reader.first(
        &["OTEL_RESOURCE_ATTRIBUTES"],
        "key=value,... with other characters percent-encoded",
        Vec::new(),
        |_, list| pairs(list),
        |_| "no attributes".to_owned(),
    );
    let index = attributes.iter().position(|(key, _)| key == "service.name");
    let from_list = index.map(|index| attributes.remove(index).1);
    let name = reader.get("OTEL_SERVICE_NAME").map(str::to_owned).or(from_list);
    // Before the variable's attributes, which take precedence.
    if let Some(version) = &defaults.service_version {
        attributes.insert(0, ("service.version".to_owned(), version.clone()));
    }
    (name.unwrap_or_else(|| defaults.service_name.clone()), attributes)
}

fn signal(
    reader: &mut Reader<'_>,
    signal: Signal,
    default: &[Exporter],
    protocol: Protocol,
    export_timeout: &str,
) -> SignalConfig {
    let choices = [("otlp", Exporter::Otlp), ("console", Exporter::Console)];
    let name = format!("OTEL_{}_EXPORTER", signal.in_variables());
    let exporters = reader.list(&name, &choices, default);
    let mut otlp = OtlpConfig::read(reader, signal, protocol);
    otlp.timeout = otlp.timeout.min(reader.timeout(&[export_timeout], 30_000));
    SignalConfig { exporters, otlp }
}

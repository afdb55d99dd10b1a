//! From `OTEL_*` variables to a validated configuration.
//!
//! Precedence is written down here once: a signal's own variable, the general one, the default.
//! Everything is read before anything is built, and handed to the SDK's builders as values, so
//! that what a test configures does not depend on the process it runs in.

use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use percent_encoding::percent_decode_str;
use url::Url;

use super::variables::Variables;
use crate::instrument::KnownMethods;

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

/// A wire format of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `grpc`.
    Grpc,
    /// `http/protobuf`.
    HttpProtobuf,
}

/// How one signal reaches its collector.
#[derive(Clone, PartialEq, Eq)]
pub struct Otlp {
    /// The wire format.
    pub protocol: Protocol,
    /// The whole address, with the signal's path for HTTP.
    pub endpoint: Url,
    /// Sent with every request; may hold secrets.
    pub headers: Vec<(String, String)>,
    /// For one export, its retries included.
    pub timeout: Duration,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// PEM file of the authority to trust in place of the system's.
    pub certificate: Option<PathBuf>,
    /// PEM files of the client's own certificate and key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Secrets stay out of debug output: of the headers, only the names are shown.
impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Otlp")
            .field("protocol", &self.protocol)
            .field("endpoint", &self.target())
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("gzip", &self.gzip)
            .finish_non_exhaustive()
    }
}

impl Otlp {
    /// The address for people: without credentials, with the wire format.
    #[must_use]
    pub fn target(&self) -> String {
        let mut url = self.endpoint.clone();
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        let protocol = match self.protocol {
            Protocol::Grpc => "grpc",
            Protocol::HttpProtobuf => "http/protobuf",
        };
        format!("{} ({protocol})", url.as_str().trim_end_matches('/'))
    }
}

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
    /// Traces kept for the page; none if 0.
    pub recent_traces: usize,
    /// Bytes kept for the page.
    pub recent_bytes: usize,
    /// What deserves a warning, but no refusal.
    pub warnings: Vec<String>,
}

/// The name under which this demo reports where nobody gives another.
pub const DEFAULT_SERVICE_NAME: &str = "rocket-demo-app";

/// Spans kept for an exporter that cannot take them: 30 s at 1,000 spans a second, some 30 MiB.
/// The specification's 2,048 would last two seconds; the queue grows only as it is needed.
const SPAN_QUEUE: usize = 32_768;

/// Traces kept for the page: more than a screen shows, few enough to render in milliseconds.
const RECENT_TRACES: usize = 100;

/// Bytes kept for the page, so that traces of many spans cannot take a small container's memory.
const RECENT_BYTES: usize = 8 << 20;

impl Config {
    /// Reads and checks every variable of [`VARIABLES`](super::VARIABLES).
    ///
    /// # Errors
    /// The first variable whose value does not do.
    pub fn from_variables(vars: &Variables) -> Result<Self, ConfigError> {
        let mut warnings: Vec<String> = vars
            .unknown()
            .map(|name| {
                format!("{name} is set, but nothing here reads it: a typo? See serve --help")
            })
            .collect();
        let (resource, service_name) = resource(vars, &mut warnings);
        let general = vars.number("OTEL_ATTRIBUTE_COUNT_LIMIT", 0, 128)?;
        let span_attributes = vars.number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0, general)?;
        let batch_size = |name, queue| {
            // A batch that is larger than the queue would never fill.
            vars.number(name, 1, 512).map(|batch: usize| batch.min(queue))
        };
        let span_queue = vars.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, SPAN_QUEUE)?;
        let log_queue = vars.number("OTEL_BLRP_MAX_QUEUE_SIZE", 1, 2_048)?;
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
            traces: signal(vars, "TRACES", &[Exporter::Otlp], "OTEL_BSP_EXPORT_TIMEOUT")?,
            metrics: signal(vars, "METRICS", &[Exporter::Otlp], "OTEL_METRIC_EXPORT_TIMEOUT")?,
            logs: signal(vars, "LOGS", &[], "OTEL_BLRP_EXPORT_TIMEOUT")?,
            known_methods: match vars.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") {
                Some(list) => KnownMethods::parse(list),
                None => KnownMethods::default(),
            },
            recent_traces: vars.number("RECENT_TRACES_MAX", 0, RECENT_TRACES)?,
            recent_bytes: vars.number("RECENT_TRACES_MAX_BYTES", 0, RECENT_BYTES)?,
            warnings,
        })
    }

    /// The configuration that no variable changes.
    #[must_use]
    pub fn default_for_tests() -> Self {
        match Self::from_variables(&Variables::default()) {
            Ok(config) => config,
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
fn resource(vars: &Variables, warnings: &mut Vec<String>) -> (Vec<(String, String)>, String) {
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
    (attributes, name.unwrap_or_else(|| DEFAULT_SERVICE_NAME.to_owned()))
}

/// `key=value,...` with percent-encoding, as in W3C Baggage; `None` if any of it is malformed.
fn pairs(list: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let decode = |text: &str| {
            percent_decode_str(text.trim()).decode_utf8().ok().map(std::borrow::Cow::into_owned)
        };
        let key = decode(key).filter(|key| !key.is_empty())?;
        Some((key, decode(value)?))
    };
    list.split(',').map(str::trim).filter(|p| !p.is_empty()).map(pair).collect()
}

fn signal(
    vars: &Variables,
    signal: &str,
    default: &[Exporter],
    export_timeout: &str,
) -> Result<Signal, ConfigError> {
    let exporters = vars.list(&format!("OTEL_{signal}_EXPORTER"), &EXPORTERS, default)?;
    let mut otlp = otlp(vars, signal)?;
    otlp.timeout = otlp.timeout.min(vars.millis(export_timeout, 1, 30_000)?);
    Ok(Signal { exporters, otlp })
}

fn otlp(vars: &Variables, signal: &str) -> Result<Otlp, ConfigError> {
    let value = |name: &str| vars.signal(signal, name);
    let (name, protocol) = value("PROTOCOL");
    let protocol = match protocol.map(str::to_ascii_lowercase).as_deref() {
        None | Some("grpc") => Protocol::Grpc,
        Some("http/protobuf") => Protocol::HttpProtobuf,
        Some(other) => return Err(ConfigError::new(&name, other, "grpc or http/protobuf")),
    };
    let (name, timeout) = value("TIMEOUT");
    let timeout = match timeout {
        None => Duration::from_secs(10),
        Some(_) => vars.millis(&name, 1, 10_000)?,
    };
    let (name, compression) = value("COMPRESSION");
    let gzip = match compression.map(str::to_ascii_lowercase).as_deref() {
        None | Some("none") => false,
        Some("gzip") => true,
        Some(other) => return Err(ConfigError::new(&name, other, "gzip or none")),
    };
    let (name, headers) = value("HEADERS");
    let headers = match headers {
        None => Vec::new(),
        Some(list) => {
            pairs(list).filter(|pairs| pairs.iter().all(valid_header)).ok_or_else(|| {
                ConfigError::new(
                    &name,
                    "(not shown)",
                    "key=value,... with other characters percent-encoded",
                )
            })?
        }
    };
    Ok(Otlp {
        protocol,
        endpoint: endpoint(vars, signal, protocol)?,
        headers,
        timeout,
        gzip,
        certificate: value("CERTIFICATE").1.map(PathBuf::from),
        client: client_files(vars, signal)?,
    })
}

fn valid_header((name, value): &(String, String)) -> bool {
    http::HeaderName::from_bytes(name.as_bytes()).is_ok()
        && http::HeaderValue::from_str(value).is_ok()
}

fn client_files(vars: &Variables, signal: &str) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
    let (certificate_name, certificate) = vars.signal(signal, "CLIENT_CERTIFICATE");
    let (key_name, key) = vars.signal(signal, "CLIENT_KEY");
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate.into(), key.into()))),
        (None, None) => Ok(None),
        (Some(certificate), None) => {
            let needs = format!("its key too, in {key_name}");
            Err(ConfigError::new(&certificate_name, certificate, needs))
        }
        (None, Some(key)) => {
            let needs = format!("its certificate too, in {certificate_name}");
            Err(ConfigError::new(&key_name, key, needs))
        }
    }
}

/// The specification's rules: a signal's own endpoint is used as it is; the general one is a base
/// for HTTP, to which the signal's path is added.
fn endpoint(vars: &Variables, signal: &str, protocol: Protocol) -> Result<Url, ConfigError> {
    let (name, value) = vars.signal(signal, "ENDPOINT");
    let own = name.contains(signal);
    let default = match protocol {
        Protocol::Grpc => "http://localhost:4317",
        Protocol::HttpProtobuf => "http://localhost:4318",
    };
    let given = value.unwrap_or(default);
    let error = || {
        // An address can hold a password: it is not repeated.
        let shown = if given.contains('@') { "(not shown)" } else { given };
        ConfigError::new(&name, shown, "an address such as http://localhost:4317")
    };
    let text = if given.contains("://") {
        given.to_owned()
    } else if protocol == Protocol::Grpc {
        let (insecure, flag) = vars.signal(signal, "INSECURE");
        let plain = flag.is_some() && vars.flag(&insecure)?;
        format!("{}://{given}", if plain { "http" } else { "https" })
    } else {
        return Err(error());
    };
    let mut url = Url::parse(&text).map_err(|_| error())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(error());
    }
    if protocol == Protocol::HttpProtobuf && !(own && value.is_some()) {
        let base = url.path().trim_end_matches('/');
        let path = format!("{base}/v1/{}", signal.to_ascii_lowercase());
        url.set_path(&path);
    }
    Ok(url)
}

//! How a signal reaches its collector: the `OTEL_EXPORTER_OTLP_*` variables
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery};
use percent_encoding::percent_decode_str;

use super::config::ConfigError;
#[cfg(feature = "sdk")]
use super::pem;
use super::variables::Variables;

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
    pub endpoint: Uri,
    /// Sent with every request; may hold secrets.
    pub headers: Vec<(String, String)>,
    /// For one export, its retries included.
    pub timeout: Duration,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// The authorities to trust in place of the system's, as PEM.
    #[cfg(feature = "sdk")]
    pub certificate: Option<Vec<u8>>,
    /// The client's own certificate and key, as PEM.
    #[cfg(feature = "sdk")]
    pub client: Option<(Vec<u8>, Vec<u8>)>,
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
        let uri = &self.endpoint;
        let authority = uri.authority().map_or("", Authority::as_str);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (scheme, path) = (uri.scheme_str().unwrap_or("http"), uri.path().trim_end_matches('/'));
        let protocol = match self.protocol {
            Protocol::Grpc => "grpc",
            Protocol::HttpProtobuf => "http/protobuf",
        };
        format!("{scheme}://{host}{path} ({protocol})")
    }
}

/// Reads the variables of one signal; `default` counts where none names a protocol.
pub(super) fn otlp(vars: &Variables, signal: &str, default: Protocol) -> Result<Otlp, ConfigError> {
    let value = |name: &str| vars.signal(signal, name);
    let (name, protocol) = value("PROTOCOL");
    let protocol = match protocol.map(str::to_ascii_lowercase).as_deref() {
        None => default,
        Some("grpc") => Protocol::Grpc,
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
        #[cfg(feature = "sdk")]
        certificate: pem::certificates(&value("CERTIFICATE"))?,
        #[cfg(feature = "sdk")]
        client: pem::client_files(vars, signal)?,
    })
}

fn valid_header((name, value): &(String, String)) -> bool {
    http::HeaderName::from_bytes(name.as_bytes()).is_ok()
        && http::HeaderValue::from_str(value).is_ok()
}

/// The specification's rules: a signal's own endpoint is used as it is; the general one is a base
/// for HTTP, to which the signal's path is added.
fn endpoint(vars: &Variables, signal: &str, protocol: Protocol) -> Result<Uri, ConfigError> {
    let (name, value) = vars.signal(signal, "ENDPOINT");
    let own = name.contains(signal);
    let default = match protocol {
        Protocol::Grpc => "http://localhost:4317",
        Protocol::HttpProtobuf => "http://localhost:4318",
    };
    let given = value.unwrap_or(default);
    let error = || {
        // An address can hold a password, or a key in its query: such a one is not repeated.
        let shown = if given.contains(['@', '?']) { "(not shown)" } else { given };
        ConfigError::new(&name, shown, format!("an address such as {default}"))
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
    let uri: Uri = text.parse().map_err(|_| error())?;
    let mut parts = uri.into_parts();
    let known = parts.scheme.as_ref().is_some_and(|s| matches!(s.as_str(), "http" | "https"));
    if !known || !parts.authority.as_ref().is_some_and(names_host) {
        return Err(error());
    }
    if protocol == Protocol::HttpProtobuf && !(own && value.is_some()) {
        let given = parts.path_and_query.as_ref();
        let base = given.map_or("", PathAndQuery::path).trim_end_matches('/');
        let query = given.and_then(PathAndQuery::query).map(|query| format!("?{query}"));
        let signal = signal.to_ascii_lowercase();
        let path = format!("{base}/v1/{signal}{}", query.unwrap_or_default());
        parts.path_and_query = Some(path.parse().map_err(|_| error())?);
    }
    Uri::from_parts(parts).map_err(|_| error())
}

/// Whether there is a host, and a port that can be one where something stands behind the colon.
fn names_host(authority: &Authority) -> bool {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    let host = authority.host();
    !host.is_empty() && (host_and_port == host || authority.port_u16().is_some())
}

/// `key=value,...` with percent-encoding, as in W3C Baggage; `None` if any of it is malformed.
pub(super) fn pairs(list: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let decode = |text: &str| {
            let escape =
                |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit());
            let sound = text.split('%').skip(1).all(escape);
            let decoded = percent_decode_str(text.trim()).decode_utf8().ok();
            decoded.filter(|_| sound).map(std::borrow::Cow::into_owned)
        };
        let key = decode(key).filter(|key| !key.is_empty())?;
        Some((key, decode(value)?))
    };
    list.split(',').map(str::trim).filter(|p| !p.is_empty()).map(pair).collect()
}

//! The settings of an OTLP exporter: the `OTEL_EXPORTER_OTLP_*` variables
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use percent_encoding::percent_decode_str;

use super::signal::Signal;
use super::variables::{Reader, otlp_names};

/// A transport of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `grpc`.
    Grpc,
    /// `http/protobuf`.
    HttpProtobuf,
}

impl Protocol {
    const fn default_endpoint(self) -> &'static str {
        match self {
            Self::Grpc => "http://localhost:4317",
            Self::HttpProtobuf => "http://localhost:4318",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        })
    }
}

/// Where a signal is exported to.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole URL, with the signal's path for HTTP. It may hold credentials.
    pub uri: Uri,
    /// Whether the signal's path was appended to a general variable that ends in such a path.
    pub doubled_path: bool,
}

/// The URL without credentials and query.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", Authority::as_str);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (scheme, path) = (self.uri.scheme_str().unwrap_or("http"), self.uri.path());
        write!(f, "{scheme}://{host}{}", path.trim_end_matches('/'))
    }
}

/// The URL without credentials and query.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How one signal reaches its collector.
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// The transport.
    pub protocol: Protocol,
    /// The collector's address.
    pub endpoint: Endpoint,
    /// The headers of every request. They may hold secrets.
    pub headers: Vec<(String, String)>,
    /// The limit of one export; [`Duration::MAX`] if there is none.
    pub timeout: Duration,
    /// Whether request bodies are compressed.
    pub gzip: bool,
    /// Certificates and keys. A program without the feature `sdk` reads none: its host speaks TLS.
    pub tls: TlsFiles,
}

/// The contents of certificate and key files, as PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities to trust in place of the system's.
    pub certificate: Option<Vec<u8>>,
    /// The client's own certificate and key.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

/// Secrets stay out of debug output: of the headers, only the names are shown.
impl fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("OtlpConfig")
            .field("protocol", &self.protocol)
            .field("endpoint", &self.endpoint)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("gzip", &self.gzip)
            .finish_non_exhaustive()
    }
}

impl OtlpConfig {
    pub(crate) fn read(reader: &mut Reader<'_>, signal: Signal, default: Protocol) -> Self {
        let names = |name| otlp_names(signal, name);
        let protocols = [("grpc", Protocol::Grpc), ("http/protobuf", Protocol::HttpProtobuf)];
        let protocol = reader.choice(&names("PROTOCOL"), &protocols, default);
        Self {
            protocol,
            endpoint: endpoint(reader, signal, protocol),
            headers: reader.first(
                &names("HEADERS"),
                "key=value,... with other characters percent-encoded",
                Vec::new(),
                |_, list| pairs(list).filter(|pairs| pairs.iter().all(is_header)),
                |used: &Vec<_>| match used.len() {
                    0 => "no headers".to_owned(),
                    count => format!("{count} headers"),
                },
            ),
            timeout: reader.timeout(&names("TIMEOUT"), 10_000),
            gzip: reader.choice(&names("COMPRESSION"), &[("none", false), ("gzip", true)], false),
            tls: TlsFiles::default(),
        }
    }
}

fn is_header((name, value): &(String, String)) -> bool {
    http::HeaderName::from_bytes(name.as_bytes()).is_ok()
        && http::HeaderValue::from_str(value).is_ok()
}

fn endpoint(reader: &mut Reader<'_>, signal: Signal, protocol: Protocol) -> Endpoint {
    let insecure = reader.flag(&otlp_names(signal, "INSECURE"));
    let names = otlp_names(signal, "ENDPOINT");
    let base = protocol.default_endpoint();
    // As specified: the variable of a signal is used as it is; the general one is a base URL.
    let endpoint = |name: &str, uri: Uri| {
        if protocol == Protocol::Grpc || name == names[0] {
            return Endpoint { uri, doubled_path: false };
        }
        let path = uri.path().trim_end_matches('/');
        let doubled_path = Signal::ALL.iter().any(|signal| path.ends_with(signal.http_path()));
        Endpoint { uri: append_path(&uri, signal), doubled_path }
    };
    let default = endpoint(&names[1], Uri::from_static(base));
    let parse =
        |name: &str, value: &str| Some(endpoint(name, parse_uri(value, protocol, insecure)?));
    let expected = format!("an address such as {base}");
    reader.first(&names, &expected, default, parse, Endpoint::to_string)
}

fn parse_uri(value: &str, protocol: Protocol, insecure: bool) -> Option<Uri> {
    let uri: Uri = match (value.contains("://"), protocol) {
        (true, _) => value.parse().ok()?,
        (false, Protocol::HttpProtobuf) => return None,
        (false, Protocol::Grpc) => {
            let scheme = if insecure { "http" } else { "https" };
            format!("{scheme}://{value}").parse().ok()?
        }
    };
    let valid = matches!(uri.scheme_str(), Some("http" | "https")) && names_host(uri.authority()?);
    valid.then_some(uri)
}

/// Whether there is a host, and a valid port if there is a colon for one.
fn names_host(authority: &Authority) -> bool {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    let host = authority.host();
    !host.is_empty() && (host_and_port == host || authority.port_u16().is_some())
}

fn append_path(base: &Uri, signal: Signal) -> Uri {
    let text = base.to_string();
    let (front, query) = text.split_at(text.find('?').unwrap_or(text.len()));
    let appended = format!("{}{}{query}", front.trim_end_matches('/'), signal.http_path());
    // A valid URL with a path of ASCII letters is valid.
    appended.parse().unwrap_or_else(|_| base.clone())
}

/// `key=value,...` with percent-encoding, as in W3C Baggage; `None` if any of it is malformed.
/// Form decoders differ: they turn `+` into a space and accept `%zz`.
pub(crate) fn pairs(list: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let key = decode(key).filter(|key| !key.is_empty())?;
        Some((key, decode(value)?))
    };
    list.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(pair).collect()
}

fn decode(text: &str) -> Option<String> {
    let is_escape =
        |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let valid = text.split('%').skip(1).all(is_escape);
    let decoded = percent_decode_str(text.trim()).decode_utf8().ok();
    decoded.filter(|_| valid).map(Cow::into_owned)
}

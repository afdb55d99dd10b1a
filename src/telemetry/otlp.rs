//! How a signal reaches its collector: the `OTEL_EXPORTER_OTLP_*` variables
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;

use super::config::ConfigError;
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
    pub endpoint: Url,
    /// Sent with every request; may hold secrets.
    pub headers: Vec<(String, String)>,
    /// For one export, its retries included.
    pub timeout: Duration,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// The authorities to trust in place of the system's, as PEM.
    pub certificate: Option<Vec<u8>>,
    /// The client's own certificate and key, as PEM.
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

/// Reads the variables of one signal.
pub(super) fn otlp(vars: &Variables, signal: &str) -> Result<Otlp, ConfigError> {
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
        certificate: certificates(&value("CERTIFICATE"))?,
        client: client_files(vars, signal)?,
    })
}

fn valid_header((name, value): &(String, String)) -> bool {
    http::HeaderName::from_bytes(name.as_bytes()).is_ok()
        && http::HeaderValue::from_str(value).is_ok()
}

/// A variable's name and value, as [`Variables::signal`] gives them.
type Named<'a> = (String, Option<&'a str>);

/// A certificate and its key, as PEM.
type Identity = (Vec<u8>, Vec<u8>);

fn client_files(vars: &Variables, signal: &str) -> Result<Option<Identity>, ConfigError> {
    let certificate = vars.signal(signal, "CLIENT_CERTIFICATE");
    let key = vars.signal(signal, "CLIENT_KEY");
    if let (name, Some(file), None) = (&certificate.0, certificate.1, key.1) {
        let needs = format!("{file}'s key too, in {}", key.0);
        return Err(ConfigError::new(name, file, needs));
    }
    if let (name, Some(file), None) = (&key.0, key.1, certificate.1) {
        let needs = format!("{file}'s certificate too, in {}", certificate.0);
        return Err(ConfigError::new(name, file, needs));
    }
    Ok(certificates(&certificate)?.zip(private_key(&key)?))
}

/// Files are read at once: a bad one is told with its variable, and none can change until the
/// exporters use it.
fn certificates((name, file): &Named<'_>) -> Result<Option<Vec<u8>>, ConfigError> {
    pem(name, *file, "a PEM file of certificates", |pem| {
        let mut all = CertificateDer::pem_slice_iter(pem).peekable();
        all.peek().is_some() && all.all(|certificate| certificate.is_ok())
    })
}

fn private_key((name, file): &Named<'_>) -> Result<Option<Vec<u8>>, ConfigError> {
    pem(name, *file, "a PEM file of a private key", |pem| {
        PrivateKeyDer::from_pem_slice(pem).is_ok()
    })
}

fn pem(
    name: &str,
    file: Option<&str>,
    expected: &str,
    good: impl FnOnce(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, ConfigError> {
    let Some(file) = file else {
        return Ok(None);
    };
    match std::fs::read(file) {
        Ok(pem) if good(&pem) => Ok(Some(pem)),
        Ok(_) => Err(ConfigError::new(name, file, expected)),
        Err(error) => Err(ConfigError::new(name, file, format!("{expected}: {error}"))),
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

//! The files of `OTEL_EXPORTER_OTLP_*CERTIFICATE` and `*CLIENT_KEY`.
//!
//! They are read and checked with the variables: an error names its variable, which tonic and
//! reqwest do not know, and a file that changes later has no effect.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::config::ConfigError;
use super::otlp::TlsFiles;
use super::signal::Signal;
use super::variables::{Variables, otlp_names};

/// A variable and the path in it.
type Setting<'a> = (String, &'a str);

pub(crate) fn read(variables: &Variables, signal: Signal) -> Result<TlsFiles, ConfigError> {
    let setting = |name| {
        let names = otlp_names(signal, name);
        names.into_iter().find_map(|name| variables.get(&name).map(|path| (name, path)))
    };
    let client = match (setting("CLIENT_CERTIFICATE"), setting("CLIENT_KEY")) {
        (Some(certificate), Some(key)) => Some((certificates(&certificate)?, private_key(&key)?)),
        (None, None) => None,
        (Some((name, path)), None) => return Err(missing(name, path, "CLIENT_KEY")),
        (None, Some((name, path))) => return Err(missing(name, path, "CLIENT_CERTIFICATE")),
    };
    let certificate = setting("CERTIFICATE").as_ref().map(certificates).transpose()?;
    Ok(TlsFiles { certificate, client })
}

fn missing(name: String, path: &str, other: &str) -> ConfigError {
    let expected = format!("OTEL_EXPORTER_OTLP_{other} to be set as well");
    ConfigError { name, value: path.to_owned(), expected }
}

fn certificates(setting: &Setting<'_>) -> Result<Vec<u8>, ConfigError> {
    pem(setting, "a PEM file of certificates", |pem| {
        let mut all = CertificateDer::pem_slice_iter(pem).peekable();
        all.peek().is_some() && all.all(|certificate| certificate.is_ok())
    })
}

fn private_key(setting: &Setting<'_>) -> Result<Vec<u8>, ConfigError> {
    pem(setting, "a PEM file of a private key", |pem| PrivateKeyDer::from_pem_slice(pem).is_ok())
}

fn pem(
    (name, path): &Setting<'_>,
    expected: &str,
    is_valid: impl FnOnce(&[u8]) -> bool,
) -> Result<Vec<u8>, ConfigError> {
    let error = |expected| ConfigError { name: name.clone(), value: (*path).to_owned(), expected };
    let pem = std::fs::read(path).map_err(|cause| error(format!("{expected} ({cause})")))?;
    if is_valid(&pem) { Ok(pem) } else { Err(error(expected.to_owned())) }
}

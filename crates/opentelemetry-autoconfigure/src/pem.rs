//! The files of TLS: certificates and keys, read and checked with the other variables. A component
//! has no use for them: its host speaks TLS.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::config::ConfigError;
use super::variables::Variables;

/// A variable's name and value, as [`Variables::signal`] gives them.
type Named<'a> = (String, Option<&'a str>);

/// A certificate and its key, as PEM.
type Identity = (Vec<u8>, Vec<u8>);

pub(super) fn client_files(
    vars: &Variables,
    signal: &str,
) -> Result<Option<Identity>, ConfigError> {
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
pub(super) fn certificates((name, file): &Named<'_>) -> Result<Option<Vec<u8>>, ConfigError> {
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

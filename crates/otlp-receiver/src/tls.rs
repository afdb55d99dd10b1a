//! Certificates, new for every receiver.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Which side must present a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// The receiver.
    Server,
    /// Both. The receiver rejects a client without a certificate that its authority signed.
    Mutual,
}

/// A certificate authority and the files that a client needs, until it is dropped.
pub struct Pki {
    directory: TempDir,
    config: Arc<ServerConfig>,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

impl Pki {
    pub fn new(mode: TlsMode) -> Self {
        let authority = authority();
        let directory = TempDir::new().expect("a temporary directory");
        let (client, client_key) =
            signed(&authority, "client", ExtendedKeyUsagePurpose::ClientAuth);
        for (name, pem) in [
            ("ca.pem", authority.pem()),
            ("client.pem", client.pem()),
            ("client-key.pem", client_key.serialize_pem()),
        ] {
            fs::write(directory.path().join(name), pem).expect("a writable directory");
        }
        let config = Arc::new(config(&authority, mode));
        Self { directory, config }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// For `OTEL_EXPORTER_OTLP_CERTIFICATE`.
    pub fn ca(&self) -> PathBuf {
        self.directory().join("ca.pem")
    }

    /// For `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`.
    pub fn client_certificate(&self) -> PathBuf {
        self.directory().join("client.pem")
    }

    /// For `OTEL_EXPORTER_OTLP_CLIENT_KEY`.
    pub fn client_key(&self) -> PathBuf {
        self.directory().join("client-key.pem")
    }

    /// The directory of the three files, where a test can put broken ones beside them.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "OTLP test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a self-signed certificate")
}

fn signed(
    authority: &Authority,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
) -> (rcgen::Certificate, KeyPair) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).expect("valid names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a signed certificate");
    (certificate, key)
}

/// Names its crypto provider, so that it does not depend on what the process has installed.
fn config(authority: &Authority, mode: TlsMode) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions");
    let builder = match mode {
        TlsMode::Server => builder.with_no_client_auth(),
        TlsMode::Mutual => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).expect("a valid root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier of clients"))
        }
    };
    let (certificate, key) = signed(authority, "receiver", ExtendedKeyUsagePurpose::ServerAuth);
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let mut config = builder
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .expect("a key that fits the certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

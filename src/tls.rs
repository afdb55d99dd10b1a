//! TLS for outgoing HTTP: rustls on ring, which builds without cmake.

/// Makes ring the process's default, unless it already has one. A reqwest client needs a default even
/// for plain HTTP.
pub fn install_default() {
    // An error means that there is a default.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client for one URL scheme. Plain HTTP must work without root certificates, as in a minimal
/// container; HTTPS trusts the system's.
pub fn client_for(scheme: &str) -> reqwest::ClientBuilder {
    install_default();
    let client = reqwest::Client::builder();
    if scheme == "https" { client } else { client.tls_certs_only([]) }
}

//! The one TLS implementation of all clients here: rustls on ring, which builds without cmake.

/// Makes ring the process's choice, unless it has made one already. reqwest's clients need one,
/// also where they never speak TLS.
pub fn install_default() {
    // An error says that there is one, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client to build on, for one address. One that speaks HTTPS trusts the system's authorities;
/// one that does not must start where there are none, as in a minimal container.
pub fn client_for(scheme: &str) -> reqwest::ClientBuilder {
    install_default();
    let client = reqwest::Client::builder();
    if scheme == "https" { client } else { client.tls_certs_only([]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_for_plain_http_trusts_nobody_and_needs_nobody() {
        assert!(client_for("http").build().is_ok());
    }
}

//! The one TLS implementation of all clients here: rustls on ring, which builds without cmake.

/// Makes ring the process's choice, unless it has made one already. reqwest's clients need one,
/// also where they never speak TLS.
pub fn install_default() {
    // An error says that there is one, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

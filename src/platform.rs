//! The platform of the handlers under Rocket: tokio's clock and an instrumented HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use handlers::{DOWNSTREAM_TIMEOUT, Error, Platform};
use rocket_opentelemetry::TracedClient;
use url::Url;

use crate::tls;

/// tokio, and reqwest with a span for every call.
pub struct NativePlatform {
    client: TracedClient,
    downstream: OnceLock<Url>,
}

impl NativePlatform {
    /// A platform that calls `downstream`, or whatever [`call_itself`](Self::call_itself) sets.
    #[must_use]
    pub fn new(client: TracedClient, downstream: Option<Url>) -> Self {
        Self { client, downstream: downstream.map_or_else(OnceLock::new, OnceLock::from) }
    }

    /// The reqwest client for downstream calls. It follows no redirects: they could lead anywhere.
    ///
    /// # Errors
    /// The downstream URL is HTTPS, and the system has no certificate authorities to trust.
    pub fn client(downstream: Option<&Url>) -> reqwest::Result<reqwest::Client> {
        tls::client_for(downstream.map_or("http", Url::scheme))
            .timeout(DOWNSTREAM_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
    }

    /// Makes the server at this address its own downstream service, unless another is configured.
    pub fn call_itself(&self, address: IpAddr, port: u16) {
        let address = match address {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        if let Ok(url) = Url::parse(&format!("http://{}", SocketAddr::new(address, port))) {
            let _ = self.downstream.set(url);
        }
    }
}

impl Platform for NativePlatform {
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn get_downstream(&self, path: &str) -> Result<(u16, Vec<u8>), Error> {
        let base = self.downstream.get().ok_or(Error::DownstreamUnreachable)?;
        let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
        let call = async {
            let response = self.client.send(self.client.get(url)).await?;
            let status = response.status().as_u16();
            Ok((status, response.bytes().await?.to_vec()))
        };
        call.await.map_err(|error: reqwest::Error| {
            log::warn!("the downstream service did not answer: {error}");
            Error::DownstreamUnreachable
        })
    }
}

//! What this server lends to its handlers: tokio's clock, and an instrumented client.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use url::Url;

use crate::tls;
use handlers::fixed::Fixed;
use handlers::{DOWNSTREAM_TIMEOUT, DownstreamError, Host};
use rocket_opentelemetry::TracedClient;

/// The handlers' host under Rocket.
pub struct NativeHost {
    client: TracedClient,
    downstream: OnceLock<Url>,
    fixed: Fixed,
}

impl NativeHost {
    /// A host that calls `downstream`; without one, [`call_itself`](Self::call_itself) sets it.
    #[must_use]
    pub fn new(client: TracedClient, downstream: Option<Url>) -> Self {
        let host = Self { client, downstream: OnceLock::new(), fixed: Fixed::from_env() };
        if let Some(url) = downstream {
            // The cell is new.
            let _ = host.downstream.set(url);
        }
        host
    }

    /// The reqwest client for downstream calls: no redirects, for they could lead anywhere.
    ///
    /// # Errors
    /// The service is to be called by HTTPS, and there are no authorities to trust.
    pub fn client(downstream: Option<&Url>) -> reqwest::Result<reqwest::Client> {
        tls::client_for(downstream.map_or("http", Url::scheme))
            .timeout(DOWNSTREAM_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
    }

    /// Makes this server its own downstream, unless another is configured: the port is known
    /// only once it is bound.
    pub fn call_itself(&self, address: std::net::IpAddr, port: u16) {
        let address = match address {
            ip if !ip.is_unspecified() => ip,
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        let address = std::net::SocketAddr::new(address, port);
        if let Ok(url) = Url::parse(&format!("http://{address}")) {
            let _ = self.downstream.set(url);
        }
    }
}

impl Host for NativeHost {
    async fn sleep(&self, time: Duration) {
        if !self.fixed.pass(time) {
            tokio::time::sleep(time).await;
        }
    }

    fn now(&self) -> Instant {
        self.fixed.now()
    }

    fn random(&self) -> u64 {
        self.fixed.random()
    }

    async fn downstream(&self, path: &str) -> Result<(u16, Vec<u8>), DownstreamError> {
        let base = self.downstream.get().ok_or(DownstreamError)?;
        let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
        let call = async {
            let response = self.client.send(self.client.get(url)).await?;
            let status = response.status().as_u16();
            Ok((status, response.bytes().await?.to_vec()))
        };
        call.await.map_err(|error: reqwest::Error| {
            log::warn!("the downstream service did not answer: {error}");
            DownstreamError
        })
    }
}

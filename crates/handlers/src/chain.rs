//! `GET /api/chain?hops=N`: one trace through several services.

use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde::{Deserialize, Serialize};

use super::{Demo, Error, Platform};

/// Longest chain. Each hop holds a connection and a request open.
pub(crate) const MAX_HOPS: u8 = 5;

/// How many services to call, each from the one before; 1 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hops(u8);

impl Default for Hops {
    fn default() -> Self {
        Self(1)
    }
}

impl FromStr for Hops {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().ok().filter(|hops| *hops <= MAX_HOPS).map(Self).ok_or(Error::InvalidHops)
    }
}

/// A service of the chain, and the id of its trace.
#[derive(Debug, Deserialize, Serialize)]
struct Hop {
    service: String,
    trace_id: String,
}

/// The services of a chain, in the order of their calls.
#[derive(Debug, Deserialize, Serialize)]
pub struct Chain {
    hops: Vec<Hop>,
}

impl<P: Platform> Demo<P> {
    /// Returns this service's hop, followed by those of the services that it calls.
    ///
    /// It calls only the configured downstream service: an address from a request would let any
    /// client make this server call anything.
    ///
    /// # Errors
    /// The number of hops is invalid, or the downstream service failed.
    pub async fn chain(&self, hops: Result<Hops, Error>) -> Result<Chain, Error> {
        let status = |chain: &Result<_, Error>| chain.as_ref().err().map_or(200, Error::status);
        self.with_metrics("/api/chain", status, async { self.follow(hops?).await }).await
    }

    async fn follow(&self, Hops(hops): Hops) -> Result<Chain, Error> {
        let trace_id = Context::map_current(|cx| cx.span().span_context().trace_id().to_string());
        let mut chain = Chain { hops: vec![Hop { service: self.service_name.clone(), trace_id }] };
        if let Some(hops) = hops.checked_sub(1) {
            let path = format!("/api/chain?hops={hops}");
            let (status, body) = self.platform.get_downstream(&path).await?;
            if status != 200 {
                return Err(Error::DownstreamStatus(status));
            }
            let downstream = serde_json::from_slice::<Chain>(&body);
            chain.hops.extend(downstream.map_err(|_| Error::DownstreamBody)?.hops);
        }
        Ok(chain)
    }
}

//! `GET /api/chain?hops=N`: one trace through several services.

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde::{Deserialize, Serialize};

use super::{App, Host, Reply};

/// How deep a chain may go: each hop holds a connection and a request open.
pub const MOST_HOPS: u8 = 5;

/// A service that the chain went through, and the trace that it belongs to there.
#[derive(Debug, Deserialize, Serialize)]
struct Hop {
    service: String,
    trace_id: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct Chain {
    hops: Vec<Hop>,
}

/// Answers this service's hop and, where `hops` is more than 0, those behind it.
///
/// It calls the configured downstream service only: an address from a request would let anyone
/// make this server call anything.
pub async fn chain<H: Host>(app: &App<H>, hops: Option<&str>) -> Reply {
    app.measured("/api/chain", async {
        match hops.unwrap_or("1").parse() {
            Ok(hops) if hops <= MOST_HOPS => match follow(app, hops).await {
                Ok(chain) => Reply::json(200, &chain),
                Err(error) => Reply::error(502, error),
            },
            _ => Reply::error(422, format!("hops takes a whole number from 0 to {MOST_HOPS}")),
        }
    })
    .await
}

async fn follow<H: Host>(app: &App<H>, hops: u8) -> Result<Chain, String> {
    let trace_id = Context::map_current(|cx| cx.span().span_context().trace_id().to_string());
    let mut chain = Chain { hops: vec![Hop { service: app.service_name.clone(), trace_id }] };
    if hops > 0 {
        let path = format!("/api/chain?hops={}", hops - 1);
        let (status, body) = app.host.downstream(&path).await.map_err(|e| e.to_string())?;
        if status != 200 {
            return Err(format!("the downstream service answered {status}"));
        }
        let behind: Chain = serde_json::from_slice(&body)
            .map_err(|_| "the downstream service answered something else".to_owned())?;
        chain.hops.extend(behind.hops);
    }
    Ok(chain)
}

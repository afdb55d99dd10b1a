//! What each request does, apart from any server.
//!
//! Handlers know serde, the `opentelemetry` API and a [`Host`], and nothing else: no Rocket, no
//! tokio, no SDK. Whoever serves them brings the SDK, the clock and the network, so the same code
//! runs natively and as a WebAssembly component. They show how instrumentation is written:
//! a child span ([`App::in_span`]), attributes, an event, a counter, a histogram and a gauge.

pub mod chain;
pub mod error;
pub mod fixed;
pub mod health;
pub mod index;
pub mod metrics;
pub mod negotiation;
pub mod process;
pub mod routes;
pub mod users;

use std::future::Future;
use std::time::{Duration, Instant};

use opentelemetry::context::FutureExt;
use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::Meter;
use opentelemetry::trace::{SpanBuilder, TraceContextExt, Tracer};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use serde::Serialize;

use metrics::AppMetrics;

/// What a call to the downstream service may take: five hops deep, all is done within 10 s.
pub const DOWNSTREAM_TIMEOUT: Duration = Duration::from_secs(10);

/// What a server lends to its handlers.
pub trait Host: Send + Sync + 'static {
    /// Comes back after `time`.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// The time now: a test's host may have a clock of its own.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// A number without a pattern; it protects nothing.
    fn random(&self) -> u64;

    /// Asks the configured downstream service for `path`, as a child of the current context, and
    /// gives status and body. Handlers never name an address.
    ///
    /// # Errors
    /// The service could not be reached, or broke off.
    fn downstream(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(u16, Vec<u8>), DownstreamError>> + Send;
}

/// The downstream service gave no answer. What was wrong is in the log and on the client span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the downstream service did not answer")]
pub struct DownstreamError;

/// An answer, before any server has made it its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer with this value as its JSON.
    #[must_use]
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        // Only maps with keys that are no text cannot be JSON, and no answer has one.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self { status, body }
    }

    /// An error, as every endpoint tells one.
    pub fn error(status: u16, error: impl Into<String>) -> Self {
        Self::json(status, &ErrorBody { error: error.into() })
    }
}

/// An error as every endpoint and catcher tells it.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorBody {
    /// A sentence for the client, which learns less than the log.
    pub error: String,
}

/// What a client may know of a failure that no handler has told: never what went wrong inside.
/// The `reason` stands in for a status that has no sentence here.
#[must_use]
pub fn sentence(status: u16, reason: Option<&'static str>) -> &'static str {
    match status {
        400 => "The request cannot be read.",
        404 => "There is nothing at this address.",
        413 => "The request is too large.",
        422 => "The request cannot be understood: a parameter has no value that would do.",
        500 => "Something went wrong here; the trace tells more.",
        _ => reason.unwrap_or("The request was not answered."),
    }
}

/// The scope of the handlers' own spans and metrics.
#[must_use]
pub fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("rocket_otel_demo::handlers")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// What all handlers share.
#[derive(Debug)]
pub struct App<H> {
    host: H,
    tracer: BoxedTracer,
    metrics: AppMetrics,
    service_name: String,
}

impl<H: Host> App<H> {
    /// Handlers that report as `service_name`.
    #[must_use]
    pub fn new(
        host: H,
        tracer: BoxedTracer,
        meter: &Meter,
        service_name: impl Into<String>,
    ) -> Self {
        Self { host, tracer, metrics: AppMetrics::new(meter), service_name: service_name.into() }
    }

    /// Runs `work` inside a new span, the child of the current one, that ends when `work` does.
    pub async fn in_span<T>(
        &self,
        name: &'static str,
        attributes: Vec<KeyValue>,
        work: impl Future<Output = T>,
    ) -> T {
        let span = self.tracer.build(SpanBuilder::from_name(name).with_attributes(attributes));
        let cx = Context::current_with_span(span);
        let output = work.with_context(cx.clone()).await;
        cx.span().end();
        output
    }

    /// The host, for what a server sets up once it runs.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// A time between two bounds, in place of real work.
    async fn work(&self, least: Duration, most: Duration) {
        let spread = most.saturating_sub(least).as_micros().max(1);
        let extra = u128::from(self.host.random()) % spread;
        // Less than the spread, which was a duration.
        let extra = Duration::from_micros(u64::try_from(extra).unwrap_or(0));
        self.host.sleep(least + extra).await;
    }
}

#[cfg(test)]
pub mod tests;

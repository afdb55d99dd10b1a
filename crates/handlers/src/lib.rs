//! What each request of the demo does, without a server.
//!
//! Handlers depend on serde, the OpenTelemetry API and a [`Platform`], and on no server, runtime or
//! SDK: their server supplies these, so the same code runs under Rocket and as a WebAssembly
//! component. Each handler is a method of [`Demo`] and returns a type that serializes to the answer,
//! or an [`Error`] that knows its HTTP status.
//!
//! They show how to instrument an application: child spans (`users`, `process`), attributes, an
//! exception (`error`), a trace through several services (`chain`), and a counter, a histogram and a
//! gauge (`metrics`). `constant` holds the two handlers that do no work.

mod chain;
mod constant;
mod error;
mod metrics;
mod platform;
mod process;
mod users;

use std::future::Future;
use std::time::Duration;

use opentelemetry::context::FutureExt;
use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::Meter;
use opentelemetry::trace::{SpanBuilder, TraceContextExt, Tracer};
use opentelemetry::{Context, InstrumentationScope, KeyValue};

pub use chain::{Chain, Hops};
pub use constant::{Health, Index};
pub use error::{Error, ErrorBody, public_message};
pub use platform::{DOWNSTREAM_TIMEOUT, Platform};
pub use process::Processed;
pub use users::Users;

use metrics::DemoMetrics;
use platform::Deterministic;

/// The scope of the handlers' spans and metrics.
#[must_use]
pub fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("rocket_otel_demo::handlers")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// The handlers, and what they share.
#[derive(Debug)]
pub struct Demo<P> {
    platform: P,
    deterministic: Deterministic,
    tracer: BoxedTracer,
    metrics: DemoMetrics,
    service_name: String,
}

impl<P: Platform> Demo<P> {
    /// Handlers that report as `service_name`.
    #[must_use]
    pub fn new(
        platform: P,
        tracer: BoxedTracer,
        meter: &Meter,
        service_name: impl Into<String>,
    ) -> Self {
        let (metrics, deterministic) = (DemoMetrics::new(meter), Deterministic::from_env());
        Self { platform, deterministic, tracer, metrics, service_name: service_name.into() }
    }

    /// The platform, for what a server can set only after it has started.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// Runs `work` in a new child of the current span. The span ends when `work` does.
    async fn in_span<T>(
        &self,
        name: &'static str,
        attributes: Vec<KeyValue>,
        work: impl Future<Output = T>,
    ) -> T {
        let cx = self.start_span(name, attributes);
        let output = work.with_context(cx.clone()).await;
        cx.span().end();
        output
    }

    // Apart from `in_span`, which the compiler copies for each type of work.
    fn start_span(&self, name: &'static str, attributes: Vec<KeyValue>) -> Context {
        let builder = SpanBuilder::from_name(name).with_attributes(attributes);
        Context::current_with_span(self.tracer.build(builder))
    }

    /// Sleeps for a random time between two bounds in milliseconds, in place of real work.
    async fn simulate_work(&self, [least, most]: [u64; 2]) {
        let extra = self.deterministic.random() % ((most - least) * 1_000);
        let time = Duration::from_micros(least * 1_000 + extra);
        if self.deterministic.advance(time).is_none() {
            self.platform.sleep(time).await;
        }
    }
}

#[cfg(test)]
mod tests;

#![doc = include_str!("../README.md")]
//!
//! # Layout
//! In the order in which a request meets it:
//!
//! 1. [`Headers`]: the one trait that a server implements for its own header type.
//! 2. [`propagation`]: the context that a request carries, in and out.
//! 3. [`KnownMethods`], [`MethodName`]: the method as telemetry names it.
//! 4. [`ServerRequest`]: the server span at its start. [`ServerResponse`], [`RouteName`] and
//!    [`Failure`]: the same span at its end.
//! 5. [`ClientRequest`], [`Attempt`]: the client span, from the request to its response.
//! 6. [`metrics`]: the instruments that go with both.
//! 7. [`HttpServerInstrumentation`], [`HttpClientInstrumentation`]: all of this for a server or a
//!    client whose messages are of the [`http`] crate.
//! 8. [`redact_query`], [`redact_url`]: what keeps credentials out of attributes.

mod client_request;
mod forwarded;
mod headers;
mod http_client;
mod http_server;
mod method;
pub mod metrics;
pub mod propagation;
mod redaction;
mod server_request;
mod server_response;

pub use client_request::{Attempt, ClientRequest};
pub use headers::{CapturedHeader, Headers};
pub use http_client::HttpClientInstrumentation;
pub use http_server::HttpServerInstrumentation;
pub use method::{KnownMethods, MethodName};
pub use redaction::{redact_query, redact_url};
pub use server_request::{ServerRequest, host_and_port};
pub use server_response::{Failure, RouteName, ServerResponse};

use opentelemetry::InstrumentationScope;

/// The scope of an instrumentation library that follows these conventions: its name and version,
/// with the schema URL of the conventions' version.
#[must_use]
pub fn scope(name: &'static str, version: &'static str) -> InstrumentationScope {
    InstrumentationScope::builder(name)
        .with_version(version)
        .with_schema_url(opentelemetry_semantic_conventions::SCHEMA_URL)
        .build()
}

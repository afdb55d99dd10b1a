//! What the HTTP semantic conventions and W3C Trace Context ask of any server and any client.
//!
//! No web framework here: [`instrument`](crate::instrument) brings these to Rocket and reqwest,
//! the component brings them to `wasi:http`, and so both tell the same of the same request.

pub mod attributes;
pub mod call;
// Rocket and reqwest have types of their own for what these two take as the `http` crate has it.
pub mod client;
pub mod forwarded;
pub mod propagation;
pub mod propagator;
pub mod request;
pub mod response;
pub mod server;

use opentelemetry::InstrumentationScope;

pub use attributes::KnownMethods;
pub use response::traceresponse;

/// The scope of an instrumentation library that follows these conventions.
#[must_use]
pub fn scope(name: &'static str, version: &'static str) -> InstrumentationScope {
    InstrumentationScope::builder(name)
        .with_version(version)
        .with_schema_url(opentelemetry_semantic_conventions::SCHEMA_URL)
        .build()
}

/// The headers of a message, whatever type a framework keeps them in.
pub trait Headers {
    /// The values of a header that are text, in the order in which they came.
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str>;

    /// The first value of a header.
    fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }
}

impl Headers for http::HeaderMap {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }
}

//! An application with a route for every case, its telemetry in memory, and raw sockets.

mod answer;
mod app;
#[cfg(feature = "reqwest")]
mod downstream;
mod metrics;
mod spans;
mod wire;

pub(crate) use answer::{Answer, answer};
pub(crate) use app::{LocalApp, TestApp};
#[cfg(feature = "reqwest")]
pub(crate) use downstream::Downstream;
pub(crate) use metrics::Metrics;
pub(crate) use spans::{SpanDataExt, Spans, tree};
pub(crate) use wire::{Server, eventually, launch};

/// A caller's trace and span, and the header that propagates them, sampled.
pub(crate) const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT_ID: &str = "b7ad6b7169203331";
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

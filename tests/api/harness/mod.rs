//! What the tests stand on: applications with their spans and metrics in memory, and raw sockets.

mod answer;
mod demo;
mod metrics;
mod recorder;
mod spans;
mod wire;

pub(crate) use answer::{Answer, answer};
pub(crate) use demo::{BROWSER, Demo, LocalDemo};
pub(crate) use metrics::Metrics;
pub(crate) use recorder::Downstream;
pub(crate) use spans::{SpanDataExt, Spans, tree};
pub(crate) use wire::{Server, eventually, launch};

/// A caller's trace and span, and the header that hands them on, sampled.
pub(crate) const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT_ID: &str = "b7ad6b7169203331";
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

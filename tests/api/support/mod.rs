//! What the tests share.

mod answer;
mod demo;
mod downstream;
mod spans;

pub(crate) use answer::Answer;
pub(crate) use demo::Demo;
pub(crate) use downstream::Downstream;
pub(crate) use spans::{SpanDataExt, Spans, tree};

/// A caller's trace and span, and the sampled `traceparent` that names them.
pub(crate) const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT_ID: &str = "b7ad6b7169203331";
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

//! W3C Trace Context, in and out, as strict as it asks.

mod traceparent;
mod tracestate;

//! W3C Trace Context and W3C Baggage, to the letter.
//!
//! The SDK's propagators accept `traceparent` fields of any length, read one header where the
//! specifications allow several, inject an empty `tracestate`, drop the random flag and some valid
//! `tracestate` keys, and decode baggage properties without encoding them again. Two parts hold
//! the line here, each of which works with the SDK's or any other counterpart:
//!
//! - [`IncomingHeaders`] and [`OutgoingHeaders`] are carriers. They show a propagator only what is
//!   valid, and join what may be split over several headers.
//! - [`StrictTraceContext`] and [`StrictBaggage`] are propagators. What they inject is what they
//!   extracted, as far as the specifications allow.
//!
//! Sources: [Trace Context](https://www.w3.org/TR/trace-context/),
//! [Trace Context Level 2](https://www.w3.org/TR/trace-context-2/),
//! [Baggage](https://www.w3.org/TR/baggage/).

mod baggage;
mod headers;
#[cfg(test)]
mod tests;
mod trace_context;
mod traceresponse;

pub use baggage::StrictBaggage;
pub use headers::{IncomingHeaders, OutgoingHeaders};
pub use trace_context::StrictTraceContext;
pub use traceresponse::traceresponse;

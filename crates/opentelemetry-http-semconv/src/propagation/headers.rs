//! Carriers of a context: the headers of a request, in and out.

use std::borrow::Cow;

use opentelemetry::propagation::{Extractor, Injector};

use super::baggage::{BAGGAGE, valid_members};
use super::trace_context::{TRACEPARENT, TRACESTATE, valid_traceparent, valid_tracestate};
use crate::headers::Headers;

/// The headers of a request that a propagator extracts a context from.
///
/// It shows `traceparent`, `tracestate` and `baggage` as far as they are valid, several headers of
/// the latter two as one list, and of any other header the first value. It lists no
/// [`keys`](Extractor::keys), so propagators that search among names (Jaeger's `uberctx-`) find
/// none.
pub struct IncomingHeaders<'a, H> {
    headers: &'a H,
    traceparent: Option<&'a str>,
    tracestate: Option<String>,
    baggage: Option<Cow<'a, str>>,
}

impl<'a, H: Headers> IncomingHeaders<'a, H> {
    /// Reads and validates the context headers.
    pub fn new(headers: &'a H) -> Self {
        let traceparent = single(headers, TRACEPARENT).and_then(valid_traceparent);
        // Without a parent, a state belongs to nothing (Trace Context, section 3.3).
        let tracestate = traceparent.and_then(|_| joined(headers, TRACESTATE));
        let tracestate = tracestate.and_then(|list| valid_tracestate(&list));
        let baggage = joined(headers, BAGGAGE).map(valid_members);
        Self { headers, traceparent, tracestate, baggage }
    }
}

impl<H: Headers> Extractor for IncomingHeaders<'_, H> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => self.traceparent,
            TRACESTATE => self.tracestate.as_deref(),
            BAGGAGE => self.baggage.as_deref(),
            _ => self.headers.first(key),
        }
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// The value of a header that stands exactly once.
fn single<'a>(headers: &'a impl Headers, name: &str) -> Option<&'a str> {
    let mut values = headers.values(name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// All headers of a name as one list (RFC 9110, section 5.3).
fn joined<'a>(headers: &'a impl Headers, name: &str) -> Option<Cow<'a, str>> {
    let mut values = headers.values(name);
    let first = Cow::Borrowed(values.next()?);
    Some(values.fold(first, |list, value| {
        let mut list = list.into_owned();
        list.push(',');
        list.push_str(value);
        Cow::Owned(list)
    }))
}

/// The headers of an outgoing request that a propagator injects a context into.
///
/// It leaves out empty values, such as the SDK's empty `tracestate`, and names and values that are
/// not valid in a header.
pub struct OutgoingHeaders<'a>(pub &'a mut http::HeaderMap);

impl Injector for OutgoingHeaders<'_> {
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::from_bytes(key.as_bytes()), http::HeaderValue::from_str(&value))
        {
            self.0.insert(name, value);
        }
    }
}

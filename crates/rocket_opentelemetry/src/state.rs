//! Step 4: what the request's local cache holds.

use opentelemetry::Context;
use rocket::Request;

use crate::span::RequestSpan;

/// How a request is traced.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the cache boxes it, and most requests have a span")]
pub(crate) enum RequestState {
    /// No fairing has seen this request, or it is excluded.
    Untraced,
    /// It has no span, but carries a context that is propagated.
    PropagateOnly(Context),
    /// It has a server span.
    Recording(RequestSpan),
}

impl RequestState {
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| Self::Untraced)
    }

    pub(crate) fn context(&self) -> Option<&Context> {
        match self {
            Self::Untraced => None,
            Self::PropagateOnly(cx) => Some(cx),
            Self::Recording(span) => Some(span.context()),
        }
    }

    pub(crate) fn span(&self) -> Option<&RequestSpan> {
        match self {
            Self::Recording(span) => Some(span),
            _ => None,
        }
    }
}

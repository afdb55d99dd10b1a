//! Step 4: what the request's local cache holds.

use std::sync::OnceLock;

use opentelemetry::Context;
use rocket::Request;

use crate::context_extractor::ContextExtractor;
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

/// The place of a state. Reading it leaves it empty, so another fairing may ask first.
#[derive(Default)]
struct Slot(OnceLock<RequestState>);

impl RequestState {
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        static UNTRACED: RequestState = RequestState::Untraced;
        request.local_cache(Slot::default).0.get().unwrap_or(&UNTRACED)
    }

    /// The state, which `init` makes unless there is one.
    pub(crate) fn get_or_init<'r>(
        request: &'r Request<'_>,
        init: impl FnOnce() -> Self,
    ) -> &'r Self {
        request.local_cache(Slot::default).0.get_or_init(init)
    }

    /// The state of a request whose context is only propagated, if it carries one.
    pub(crate) fn propagate<'r>(
        request: &'r Request<'_>,
        extractor: &ContextExtractor,
    ) -> Option<&'r Self> {
        let cx = extractor.extract_if_any(request)?;
        Some(Self::get_or_init(request, || Self::PropagateOnly(cx)))
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

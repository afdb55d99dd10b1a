//! What starts a request's span, and where the request keeps it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::Context;
use opentelemetry::trace::{SpanBuilder, TraceContextExt, Tracer};
use rocket::Request;
use rocket::http::Method;

use super::origin::incoming;
use super::span::{RequestSpan, RequestStart, ServerMetrics};
use crate::conventions::attributes::KnownMethods;
use crate::conventions::request::{CapturedHeader, Named, Origin};

/// Starts a span as the child of a context and gives the context in which it is current.
///
/// A closure over the tracer keeps its type, and with it one allocation and one virtual call a
/// span fewer than the global, boxed tracer.
pub(crate) type StartSpan = dyn Fn(SpanBuilder, &Context) -> Context + Send + Sync;

pub(crate) fn from_tracer<T>(tracer: T) -> Arc<StartSpan>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    Arc::new(move |builder, parent| parent.with_span(tracer.build_with_context(builder, parent)))
}

/// What a request's local cache holds for the wrappers around routes and catchers.
#[derive(Debug)]
pub(crate) enum Tracked {
    /// No fairing has seen this request, or it is excluded.
    Not,
    /// Not recorded, but its context is handed on.
    Passing(Context),
    /// A server span.
    Span(Box<RequestSpan>),
}

impl Tracked {
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r Tracked {
        request.local_cache(|| Tracked::Not)
    }

    pub(crate) fn context(&self) -> Option<&Context> {
        match self {
            Tracked::Not => None,
            Tracked::Passing(cx) => Some(cx),
            Tracked::Span(span) => Some(span.context()),
        }
    }

    pub(crate) fn span(&self) -> Option<&RequestSpan> {
        match self {
            Tracked::Span(span) => Some(span),
            _ => None,
        }
    }
}

/// What starts spans, once the providers are known. Managed state, so that a catcher can start
/// the span of a request that Rocket shows to no fairing.
pub(crate) struct Recorder {
    pub(crate) start: Arc<StartSpan>,
    pub(crate) metrics: Arc<ServerMetrics>,
    pub(crate) known_methods: KnownMethods,
    pub(crate) trust_forwarded: bool,
    pub(crate) request_headers: Vec<CapturedHeader>,
}

impl Recorder {
    pub(crate) fn span(&self, request: &Request<'_>, parent: &Context) -> RequestSpan {
        let (method, original) = self.known_methods.told(request.method().as_str());
        self.start(request, parent, method, original)
    }

    /// The span of a request that Rocket could not read: its method is unknown or its target is
    /// no path. What the request says of its method is Rocket's stand-in, so it is not told.
    pub(crate) fn unreadable(&self, request: &Request<'_>) -> RequestSpan {
        self.start(request, &Context::new(), "_OTHER", None)
    }

    fn start(
        &self,
        request: &Request<'_>,
        parent: &Context,
        method: &'static str,
        original: Option<&'static str>,
    ) -> RequestSpan {
        let headers = request.headers();
        let origin = Origin::of(incoming(request), headers, self.trust_forwarded);
        let start = RequestStart {
            method,
            scheme: origin.request.scheme,
            is_head: request.method() == Method::Head,
            start_time: SystemTime::now(),
            started: Instant::now(),
        };
        let method = Named { method: method.into(), original };
        let builder =
            origin.span(method, headers, &self.request_headers).with_start_time(start.start_time);
        let cx = (self.start)(builder, parent);
        RequestSpan::new(cx, self.metrics.clone(), &start)
    }
}

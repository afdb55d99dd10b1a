//! What starts a request's span, and where the request keeps it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanBuilder, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use rocket::Request;
use rocket::http::Method;

use super::metrics::{Labels, ServerMetrics};
use super::origin::{Found, RocketHeaders, incoming};
use super::span::{RequestSpan, RequestStart};
use opentelemetry_http_semconv::attributes::KnownMethods;
use opentelemetry_http_semconv::propagation::RequestHeaders;
use opentelemetry_http_semconv::request::{CapturedHeader, Named, Origin};

/// Starts a span as the child of a context and gives the context in which it is current. The
/// last argument is asked to add attributes only if the span records.
///
/// A closure over the tracer keeps its type, and with it one allocation and one virtual call a
/// span fewer than the global, boxed tracer.
pub(crate) type StartSpan = dyn Fn(SpanBuilder, &Context, Late<'_>) -> Context + Send + Sync;

type Late<'a> = &'a dyn Fn(&mut dyn FnMut(KeyValue));

pub(crate) fn from_tracer<T>(tracer: T) -> Arc<StartSpan>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    Arc::new(move |builder, parent, late| {
        let mut span = tracer.build_with_context(builder, parent);
        if span.is_recording() {
            late(&mut |attribute| span.set_attribute(attribute));
            return parent.with_span(span);
        }
        // Nothing but its ids is left to know of it: that saves a box.
        parent.with_remote_span_context(span.span_context().clone())
    })
}

/// What a request's local cache holds for the wrappers around routes and catchers.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the cache boxes it, and most requests have a span")]
pub(crate) enum Tracked {
    /// No fairing has seen this request, or it is excluded.
    Not,
    /// Not recorded, but its context is handed on.
    Passing(Context),
    /// A server span.
    Span(RequestSpan),
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
    pub(crate) parents: Parents,
    pub(crate) known_methods: KnownMethods,
    pub(crate) trust_forwarded: bool,
    pub(crate) defer_attributes: bool,
    /// Whether the last span recorded. Most programs record all of them or few.
    pub(crate) recorded: AtomicBool,
    pub(crate) request_headers: Vec<CapturedHeader>,
}

impl Recorder {
    pub(crate) fn span(&self, request: &Request<'_>) -> RequestSpan {
        let (_, original) = self.known_methods.told(request.method().as_str());
        let method = original.is_none().then(|| request.method());
        let found = Found::among(request.headers(), &self.parents.fields);
        let parent = if found.context { self.parents.of(request) } else { Context::new() };
        self.start(request, &parent, Labels::new(method), original, found)
    }

    /// The span of a request that Rocket could not read: its method is unknown or its target is
    /// no path. What the request says of its method is Rocket's stand-in, so it is not told.
    pub(crate) fn unreadable(&self, request: &Request<'_>) -> RequestSpan {
        let found = Found::among(request.headers(), &[]);
        self.start(request, &Context::new(), Labels::new(None), None, found)
    }

    fn start(
        &self,
        request: &Request<'_>,
        parent: &Context,
        mut labels: Labels,
        original: Option<&'static str>,
        found: Found<'_>,
    ) -> RequestSpan {
        let headers = &RocketHeaders(request.headers());
        let origin = Origin::of(incoming(request, found), headers, self.trust_forwarded);
        labels.set_scheme(origin.request.scheme);
        let start = RequestStart {
            labels,
            is_head: request.method() == Method::Head,
            upgrade: found.upgrade,
            start_time: SystemTime::now(),
            started: Instant::now(),
        };
        let named = Named { method: labels.method().into(), original };
        // Cheapest is to have all attributes at the span's creation if it will record, and none if it
        // will not. Who guesses wrong pays for it, and no more.
        let complete = !self.defer_attributes || self.recorded.load(Ordering::Relaxed);
        let builder = if complete {
            origin.span(&named, headers, &self.request_headers)
        } else {
            named.span()
        };
        let cx = (self.start)(builder.with_start_time(start.start_time), parent, &|add| {
            if !complete {
                origin.describe(&named, headers, &self.request_headers, add);
            }
        });
        let span = RequestSpan::new(cx, self.metrics.clone(), &start);
        if self.defer_attributes && span.is_recording() != complete {
            self.recorded.store(!complete, Ordering::Relaxed);
        }
        span
    }
}

/// Reads the context that a request comes with.
pub(crate) struct Parents {
    propagator: Option<Box<dyn TextMapPropagator + Send + Sync>>,
    /// The headers that the propagator reads.
    fields: Vec<String>,
}

impl Parents {
    /// By this propagator, else by the global one as it stands now.
    pub(crate) fn new(propagator: Option<Box<dyn TextMapPropagator + Send + Sync>>) -> Self {
        let fields = match &propagator {
            Some(propagator) => propagator.fields().map(str::to_owned).collect(),
            None => global::get_text_map_propagator(|propagator| {
                propagator.fields().map(str::to_owned).collect()
            }),
        };
        Self { propagator, fields }
    }

    fn of(&self, request: &Request<'_>) -> Context {
        let rocket_headers = RocketHeaders(request.headers());
        let headers = RequestHeaders::new(&rocket_headers);
        match &self.propagator {
            Some(propagator) => propagator.extract_with_context(&Context::new(), &headers),
            None => global::get_text_map_propagator(|propagator| {
                propagator.extract_with_context(&Context::new(), &headers)
            }),
        }
    }

    /// The context, if the request has any header of one.
    pub(crate) fn if_any(&self, request: &Request<'_>) -> Option<Context> {
        Found::among(request.headers(), &self.fields).context.then(|| self.of(request))
    }
}

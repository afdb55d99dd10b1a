//! What starts a request's span, and where the request keeps it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanBuilder, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value, global};
use opentelemetry_semantic_conventions::attribute as semconv;
use rocket::Request;
use rocket::http::Method;

use super::attributes::KnownMethods;
use super::metrics::{Labels, ServerMetrics};
use super::origin::{MOST_ATTRIBUTES, Origin};
use super::propagation::{Found, RequestHeaders};
use super::span::{RequestSpan, RequestStart};

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
    pub(crate) request_headers: Vec<CapturedHeader>,
}

impl Recorder {
    pub(crate) fn span(&self, request: &Request<'_>) -> RequestSpan {
        let method = request.method();
        let name = method.as_str();
        let named = self.known_methods.contains(name).then_some(method);
        let found = Found::among(request.headers(), &self.parents.fields);
        let parent = if found.context { self.parents.of(request) } else { Context::new() };
        self.start(request, &parent, Labels::new(named), Some(name), found)
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
        let method = labels.method();
        let name = if method == "_OTHER" { "HTTP" } else { method };
        let origin = Origin::of(request, self.trust_forwarded);
        labels.set_scheme(origin.scheme);
        let start = RequestStart {
            labels,
            is_head: request.method() == Method::Head,
            upgrade: found.upgrade,
            start_time: SystemTime::now(),
            started: Instant::now(),
        };
        let attributes = |add: &mut dyn FnMut(KeyValue)| {
            origin.attributes(request, method, found.user_agent, add);
            if let Some(original) = original.filter(|_| method == "_OTHER") {
                add(KeyValue::new(semconv::HTTP_REQUEST_METHOD_ORIGINAL, original));
            }
            let headers = self.request_headers.iter();
            headers.filter_map(|h| h.attribute(request.headers())).for_each(add);
        };
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(start.start_time);
        // With room for all of them, also for those that come one by one.
        let mut early = Vec::with_capacity(MOST_ATTRIBUTES);
        let cx = if self.defer_attributes {
            (self.start)(builder.with_attributes(early), parent, &attributes)
        } else {
            attributes(&mut |attribute| early.push(attribute));
            (self.start)(builder.with_attributes(early), parent, &|_| ())
        };
        RequestSpan::new(cx, self.metrics.clone(), &start)
    }
}

/// Reads the context that a request comes with.
pub(crate) struct Parents {
    propagator: Option<Box<dyn TextMapPropagator + Send + Sync>>,
    /// The headers that the propagator reads.
    pub(crate) fields: Vec<String>,
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

    pub(crate) fn of(&self, request: &Request<'_>) -> Context {
        let headers = RequestHeaders::new(request.headers());
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

impl CapturedHeader {
    pub(crate) fn attribute(&self, headers: &rocket::http::HeaderMap<'_>) -> Option<KeyValue> {
        let values: Vec<StringValue> =
            headers.get(&self.name).map(|v| StringValue::from(v.to_owned())).collect();
        let array = Value::Array(Array::String(values));
        headers.contains(&self.name).then(|| KeyValue::new(self.attribute.clone(), array))
    }
}

/// A header that spans tell, and the attribute that tells it.
#[derive(Clone, Debug)]
pub(crate) struct CapturedHeader {
    name: String,
    attribute: opentelemetry::Key,
}

pub(crate) fn captured<S: AsRef<str>>(
    prefix: &str,
    names: impl IntoIterator<Item = S>,
) -> Vec<CapturedHeader> {
    let header = |name: S| {
        let name = name.as_ref().trim().to_ascii_lowercase();
        let attribute = opentelemetry::Key::new(format!("{prefix}{name}"));
        CapturedHeader { name, attribute }
    };
    names.into_iter().map(header).collect()
}

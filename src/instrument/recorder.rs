//! What starts a request's span, and where the request keeps it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{SpanBuilder, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_semantic_conventions::attribute as semconv;
use rocket::Request;
use rocket::http::Method;

use super::attributes::KnownMethods;
use super::origin::Origin;
use super::span::{RequestSpan, RequestStart, ServerMetrics};

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
        let name = request.method().as_str();
        let method = if self.known_methods.contains(name) { name } else { "_OTHER" };
        self.start(request, parent, method, Some(name))
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
        let name = if method == "_OTHER" { "HTTP" } else { method };
        let origin = Origin::of(request, self.trust_forwarded);
        let start = RequestStart {
            method,
            scheme: origin.scheme,
            is_head: request.method() == Method::Head,
            start_time: SystemTime::now(),
            started: Instant::now(),
        };
        let mut attributes = origin.attributes(request, method);
        if let Some(original) = original.filter(|_| method == "_OTHER") {
            attributes.push(KeyValue::new(semconv::HTTP_REQUEST_METHOD_ORIGINAL, original));
        }
        let headers = self.request_headers.iter();
        attributes.extend(headers.filter_map(|h| h.attribute(request.headers())));
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(start.start_time)
            .with_attributes(attributes);
        let cx = (self.start)(builder, parent);
        RequestSpan::new(cx, self.metrics.clone(), &start)
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

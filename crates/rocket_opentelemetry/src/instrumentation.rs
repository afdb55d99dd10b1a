//! Step 3: what starts a request's span.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{Span, SpanBuilder, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http_semconv::{CapturedHeader, KnownMethods, MethodName, ServerRequest};
use rocket::Request;
use rocket::http::Method;

use crate::context_extractor::ContextExtractor;
use crate::header_scan::{HeaderScan, RocketHeaders};
use crate::metrics::{Labels, ServerMetrics};
use crate::span::{RequestSpan, RequestStart};

/// Starts a span as the child of a context, and returns the context in which it is current. The
/// last argument is called to add attributes, only if the span records.
///
/// A closure over the tracer keeps its type: one allocation and one virtual call a span less than
/// the global, boxed tracer.
pub(crate) type StartSpan =
    dyn Fn(SpanBuilder, &Context, AddAttributes<'_>) -> Context + Send + Sync;

type AddAttributes<'a> = &'a dyn Fn(&mut dyn FnMut(KeyValue));

pub(crate) fn from_tracer<T>(tracer: T) -> Arc<StartSpan>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    Arc::new(move |builder, parent, add_attributes| {
        let mut span = tracer.build_with_context(builder, parent);
        if span.is_recording() {
            add_attributes(&mut |attribute| span.set_attribute(attribute));
            return parent.with_span(span);
        }
        // All that is left to know of it is its ids: that saves a box.
        parent.with_remote_span_context(span.span_context().clone())
    })
}

/// What starts spans, once the providers are known. It is managed state, so that a catcher can
/// start the span of a request that Rocket shows to no fairing.
pub(crate) struct ServerInstrumentation {
    pub(crate) start: Arc<StartSpan>,
    pub(crate) metrics: Arc<ServerMetrics>,
    pub(crate) extractor: ContextExtractor,
    pub(crate) known_methods: KnownMethods,
    pub(crate) trust_forwarded: bool,
    /// Whether the last span recorded, if attributes may be added after a span's creation.
    ///
    /// The cheapest is all attributes at creation for a span that records, and none for one that
    /// does not. Most programs record nearly all spans or very few, so the last span predicts the
    /// next; a wrong prediction costs time, and no attributes.
    pub(crate) last_recorded: Option<AtomicBool>,
    pub(crate) request_headers: Vec<CapturedHeader>,
}

impl ServerInstrumentation {
    pub(crate) fn start(&self, request: &Request<'_>) -> RequestSpan {
        let method = request.method();
        let known = self.known_methods.contains(method.as_str());
        let original = (!known).then(|| method.as_str());
        self.start_span(request, Labels::new(known.then_some(method)), original)
    }

    /// Starts the span of a request that Rocket could not read: its method is unknown, or its
    /// target is no path. The method that the request reports is a placeholder of Rocket's, so it
    /// is left out.
    pub(crate) fn start_unreadable(&self, request: &Request<'_>) -> RequestSpan {
        self.start_span(request, Labels::new(None), None)
    }

    fn start_span(
        &self,
        request: &Request<'_>,
        mut labels: Labels,
        original: Option<&'static str>,
    ) -> RequestSpan {
        let scan = HeaderScan::new(request.headers(), &self.extractor.fields);
        let parent =
            if scan.has_context { self.extractor.extract(request) } else { Context::new() };
        let headers = &RocketHeaders(request.headers());
        let config = request.rocket().config();
        let mut description = ServerRequest {
            method: MethodName { name: labels.method().into(), original },
            scheme: if config.tls_enabled() { "https" } else { "http" },
            host: request.host().map(|host| (host.domain().as_str(), host.port())),
            local: Some((config.address, config.port)),
            peer: request.remote(),
            client: None,
            path: request.uri().path().as_str(),
            query: request.uri().query().map(|query| query.as_str()),
            user_agent: scan.user_agent,
        };
        if self.trust_forwarded {
            description.trust_forwarded(headers);
        }
        labels.set_scheme(description.scheme);
        let start = RequestStart {
            labels,
            is_head: request.method() == Method::Head,
            asks_upgrade: scan.asks_upgrade,
            start_time: SystemTime::now(),
            started: Instant::now(),
        };
        let last_recorded = self.last_recorded.as_ref();
        let at_creation = last_recorded.is_none_or(|last| last.load(Ordering::Relaxed));
        let builder = if at_creation {
            description.span(headers, &self.request_headers)
        } else {
            description.span_without_attributes()
        };
        let cx = (self.start)(builder.with_start_time(start.start_time), &parent, &|add| {
            if !at_creation {
                description.add_attributes(headers, &self.request_headers, add);
            }
        });
        let request_span = RequestSpan::new(cx, self.metrics.clone(), start);
        // Threads share the cache line: most requests leave it unwritten.
        if let Some(last) = last_recorded.filter(|_| at_creation != request_span.recording) {
            last.store(request_span.recording, Ordering::Relaxed);
        }
        request_span
    }
}

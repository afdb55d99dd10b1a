//! Server spans for requests of the `http` crate.

use http::request::Parts;
use http::{HeaderValue, Response};
use opentelemetry::Context;
use opentelemetry::global::BoxedTracer;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, Tracer};

use crate::headers::{CapturedHeader, Headers};
use crate::method::KnownMethods;
use crate::propagation::{IncomingHeaders, traceresponse};
use crate::server_request::ServerRequest;
use crate::server_response::{Failure, RouteName, ServerResponse};

/// Starts and ends the server span of each request of a server in the types of the [`http`] crate.
pub struct HttpServerInstrumentation {
    /// Starts the spans. Without a tracer there are none, and contexts are only propagated.
    pub tracer: Option<BoxedTracer>,
    /// Reads the parents of spans.
    pub propagator: TextMapCompositePropagator,
    /// The methods that telemetry names.
    pub known_methods: KnownMethods,
    /// Whether forwarded headers count, see [`ServerRequest::trust_forwarded`].
    pub trust_forwarded: bool,
    /// The request headers to capture, see [`CapturedHeader::of_requests`].
    pub request_headers: Vec<CapturedHeader>,
    /// The response headers to capture, see [`CapturedHeader::of_responses`].
    pub response_headers: Vec<CapturedHeader>,
}

impl HttpServerInstrumentation {
    /// Starts spans with this tracer, reads their parents with this propagator, and has the
    /// defaults of the conventions: the standard methods, no trust, no captured headers.
    #[must_use]
    pub fn new(tracer: Option<BoxedTracer>, propagator: TextMapCompositePropagator) -> Self {
        Self {
            tracer,
            propagator,
            known_methods: KnownMethods::default(),
            trust_forwarded: false,
            request_headers: Vec::new(),
            response_headers: Vec::new(),
        }
    }

    /// The context to answer a request in: that of its span, or the one that it carries where no
    /// spans are made.
    pub fn start(&self, parts: &Parts) -> Context {
        let headers = &parts.headers;
        let incoming = IncomingHeaders::new(headers);
        let parent = self.propagator.extract_with_context(&Context::new(), &incoming);
        let Some(tracer) = &self.tracer else {
            return parent;
        };
        let mut request = ServerRequest {
            method: self.known_methods.normalize(parts.method.as_str()),
            scheme: if parts.uri.scheme_str() == Some("https") { "https" } else { "http" },
            host: parts.uri.authority().map(|authority| (authority.host(), authority.port_u16())),
            local: None,
            peer: None,
            client: None,
            path: parts.uri.path(),
            query: parts.uri.query(),
            user_agent: headers.first("User-Agent"),
        };
        if self.trust_forwarded {
            request.trust_forwarded(headers);
        }
        let span = request.span(headers, &self.request_headers);
        parent.with_span(tracer.build_with_context(span, &parent))
    }

    /// Adds `traceresponse` to the response, and ends the span of the request. `template` is the
    /// route that answered, if one did.
    pub fn end<T>(
        &self,
        cx: &Context,
        parts: &Parts,
        template: Option<&'static str>,
        response: &mut Response<T>,
    ) {
        if self.tracer.is_none() {
            return;
        }
        let span = cx.span();
        let context = span.span_context();
        // A tracer without a provider returns the caller's context, or an invalid one.
        let is_own = context.is_valid() && !context.is_remote();
        if is_own && let Ok(trace) = HeaderValue::try_from(traceresponse(context)) {
            response.headers_mut().insert("traceresponse", trace);
        }
        let headers = response.headers();
        span.set_attributes(self.response_headers.iter().filter_map(|h| h.attribute(headers)));
        let method = self.known_methods.normalize(parts.method.as_str()).name;
        let status = response.status().as_u16();
        ServerResponse {
            status: Some(status),
            route: template.map(|template| RouteName::new(&method, template)),
            failure: Failure::of_status(status),
        }
        .record(&span);
        span.end();
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanKind, Status, TracerProvider};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

    use super::*;
    use crate::propagation::StrictTraceContext;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// Answers `GET /a?b=1` by a route: the response, the context, and the span if there is one.
    fn answer(tracing: bool, status: u16) -> (Response<()>, Context, Option<SpanData>) {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let tracer = BoxedTracer::new(Box::new(provider.tracer("test")));
        let propagator = TextMapCompositePropagator::new(vec![Box::new(StrictTraceContext)]);
        let instrumentation = HttpServerInstrumentation {
            request_headers: CapturedHeader::of_requests(["X-Tenant"]),
            response_headers: CapturedHeader::of_responses(["Content-Type"]),
            ..HttpServerInstrumentation::new(tracing.then_some(tracer), propagator)
        };
        let request = http::Request::get("https://user:s3cret@example.com/a?b=1")
            .header("traceparent", PARENT)
            .header("x-tenant", "t");
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let response = Response::builder().status(status).header("content-type", "text/plain");
        let mut response = response.body(()).expect("a response");
        let cx = instrumentation.start(&parts);
        instrumentation.end(&cx, &parts, Some("/<id>"), &mut response);
        (response, cx, exporter.get_finished_spans().expect("the spans").pop())
    }

    #[test]
    fn a_request_has_a_server_span_and_its_response_names_it() {
        let (response, cx, span) = answer(true, 503);
        let span = span.expect("a span");
        let value = |key: &str| {
            let found = span.attributes.iter().find(|kv| kv.key.as_str() == key);
            found.map(|kv| kv.value.to_string()).unwrap_or_default()
        };
        assert_eq!((&*span.name, span.span_kind.clone()), ("GET /<id>", SpanKind::Server));
        assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(span.status, Status::error(""));
        for (key, expected) in [
            ("http.request.header.x-tenant", r#"["t"]"#),
            ("http.response.header.content-type", r#"["text/plain"]"#),
            ("http.response.status_code", "503"),
            ("http.route", "/<id>"),
            ("server.address", "example.com"),
            ("server.port", "443"),
            ("url.query", "b=1"),
        ] {
            assert_eq!(value(key), expected, "{key}");
        }
        let trace = traceresponse(cx.span().span_context());
        assert_eq!(response.headers()["traceresponse"], trace);
    }

    #[test]
    fn without_a_tracer_the_incoming_context_is_propagated_unchanged() {
        let (response, cx, span) = answer(false, 200);
        assert!(span.is_none() && response.headers().get("traceresponse").is_none());
        assert_eq!(traceresponse(cx.span().span_context()), PARENT);
    }
}

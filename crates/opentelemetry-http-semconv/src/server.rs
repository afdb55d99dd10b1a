//! The server span of a request in the types of the `http` crate, for servers without fairings.

use http::request::Parts;
use http::{HeaderValue, Response};
use opentelemetry::Context;
use opentelemetry::global::BoxedTracer;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, Tracer};

use super::propagation::RequestHeaders;
use super::request::{CapturedHeader, Incoming, Named, Origin, host_and_port};
use super::response::{RouteName, failure, tell, traceresponse};
use super::{Headers, KnownMethods};

/// What starts and ends the spans of requests.
pub struct ServerSpans {
    /// Without one no spans are made: contexts are handed on, and no more.
    pub tracer: Option<BoxedTracer>,
    pub propagator: TextMapCompositePropagator,
    pub known_methods: KnownMethods,
    pub trust_forwarded: bool,
    pub request_headers: Vec<CapturedHeader>,
    pub response_headers: Vec<CapturedHeader>,
}

impl ServerSpans {
    /// The context in which a request is answered: its span's, or its client's if none is made.
    pub fn start(&self, parts: &Parts) -> Context {
        let headers = &parts.headers;
        let incoming = RequestHeaders::new(headers);
        let parent = self.propagator.extract_with_context(&Context::new(), &incoming);
        let Some(tracer) = &self.tracer else {
            return parent;
        };
        let (method, original) = self.known_methods.told(parts.method.as_str());
        let request = Incoming {
            scheme: if parts.uri.scheme_str() == Some("https") { "https" } else { "http" },
            host: parts.uri.authority().map(|authority| host_and_port(authority.as_str())),
            local: None,
            peer: None,
            path: parts.uri.path(),
            query: parts.uri.query(),
            user_agent: headers.first("User-Agent"),
        };
        let origin = Origin::of(request, headers, self.trust_forwarded);
        let named = Named { method: method.to_owned().into(), original };
        let builder = origin.span(&named, headers, &self.request_headers);
        parent.with_span(tracer.build_with_context(builder, &parent))
    }

    /// Tells the client its trace, and ends the span of its request.
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
        if let Ok(trace) = HeaderValue::try_from(traceresponse(span.span_context())) {
            response.headers_mut().insert("traceresponse", trace);
        }
        let (method, _) = self.known_methods.told(parts.method.as_str());
        let route = template.map(|template| RouteName::new(method, template));
        let headers = response.headers();
        span.set_attributes(self.response_headers.iter().filter_map(|h| h.attribute(headers)));
        let status = response.status().as_u16();
        tell(&span, status, route, failure(status));
        span.end();
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::global::BoxedTracer;
    use opentelemetry::trace::{SpanKind, Status, TracerProvider};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

    use super::super::propagator::TraceContext;
    use super::super::request::captured;
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn spans(tracer: Option<BoxedTracer>) -> ServerSpans {
        ServerSpans {
            tracer,
            propagator: TextMapCompositePropagator::new(vec![Box::new(TraceContext)]),
            known_methods: KnownMethods::default(),
            trust_forwarded: false,
            request_headers: captured("http.request.header.", ["X-Tenant"]),
            response_headers: captured("http.response.header.", ["Content-Type"]),
        }
    }

    /// Answers `GET /a?b=1` with a status by a route: the answer, the context it was given in, and
    /// the span if there is one.
    fn answered(tracing: bool, status: u16) -> (Response<()>, Context, Option<SpanData>) {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let tracer = BoxedTracer::new(Box::new(provider.tracer("a test")));
        let spans = spans(tracing.then_some(tracer));
        let request = http::Request::get("https://example.com/a?b=1")
            .header("traceparent", PARENT)
            .header("x-tenant", "t");
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let response = Response::builder().status(status).header("content-type", "text/plain");
        let mut response = response.body(()).expect("a response");
        let cx = spans.start(&parts);
        spans.end(&cx, &parts, Some("/<id>"), &mut response);
        (response, cx, exporter.get_finished_spans().expect("the spans").pop())
    }

    #[test]
    fn a_request_has_a_span_from_its_head_to_its_answers() {
        let (response, cx, span) = answered(true, 503);
        let span = span.expect("a span");
        let told = |key: &str| {
            let found = span.attributes.iter().find(|kv| kv.key.as_str() == key);
            found.map(|kv| kv.value.to_string()).unwrap_or_default()
        };
        assert_eq!((&*span.name, span.span_kind.clone()), ("GET /<id>", SpanKind::Server));
        assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(span.status, Status::error(""));
        for (key, value) in [
            ("http.request.header.x-tenant", r#"["t"]"#),
            ("http.response.header.content-type", r#"["text/plain"]"#),
            ("http.response.status_code", "503"),
            ("http.route", "/<id>"),
            ("server.address", "example.com"),
            ("server.port", "443"),
            ("url.query", "b=1"),
        ] {
            assert_eq!(told(key), value, "{key}");
        }
        let trace = traceresponse(cx.span().span_context());
        assert_eq!(response.headers()["traceresponse"], trace);
    }

    #[test]
    fn without_a_tracer_the_context_is_handed_on_as_it_came() {
        let (response, cx, span) = answered(false, 200);
        assert!(span.is_none() && response.headers().get("traceresponse").is_none());
        assert_eq!(traceresponse(cx.span().span_context()), PARENT);
    }
}

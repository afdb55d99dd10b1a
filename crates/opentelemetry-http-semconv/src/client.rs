//! The client span of a request in the types of the `http` crate.

use http::Request;
use opentelemetry::Context;
use opentelemetry::global::BoxedTracer;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, Tracer};

use super::KnownMethods;
use super::call::{Attempt, Call};
use super::propagation::OutgoingHeaders;

/// What starts the spans of calls.
pub struct ClientSpans {
    pub tracer: BoxedTracer,
    pub propagator: TextMapCompositePropagator,
    pub known_methods: KnownMethods,
}

impl ClientSpans {
    /// Starts the span of a request that is about to be sent to `url`, as a child of the current
    /// context, and gives the request its own.
    pub fn start<B>(&self, url: &str, request: &mut Request<B>) -> Attempt<'static> {
        let (method, uri) = (request.method().as_str(), request.uri());
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(default));
        let call = Call::new(method, &self.known_methods, host, Some(port));
        let span = self.tracer.build(call.span(url, 0));
        let cx = Context::current_with_span(span);
        self.propagator.inject_context(&cx, &mut OutgoingHeaders(request.headers_mut()));
        call.attempt(cx, None)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanKind, Status, TracerProvider};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

    use super::super::propagator::TraceContext;
    use super::*;

    /// Calls this address: what came of it is the span, and the `traceparent` that was sent.
    fn called(url: &str, end: impl FnOnce(Attempt<'static>)) -> (SpanData, String) {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let spans = ClientSpans {
            tracer: BoxedTracer::new(Box::new(provider.tracer("a test"))),
            propagator: TextMapCompositePropagator::new(vec![Box::new(TraceContext)]),
            known_methods: KnownMethods::default(),
        };
        let mut request = Request::get(url).body(()).expect("a request");
        end(spans.start(url, &mut request));
        let sent = request.headers()["traceparent"].to_str().expect("text").to_owned();
        (exporter.get_finished_spans().expect("the spans").remove(0), sent)
    }

    #[test]
    fn a_call_has_a_span_and_its_request_hands_that_on() {
        let (span, sent) = called("https://[::1]/a", |attempt| attempt.end(Ok(200)));
        assert_eq!((span.span_kind, span.status), (SpanKind::Client, Status::Unset));
        assert!(sent.contains(&span.span_context.span_id().to_string()), "{sent}");
        let told: Vec<_> = span.attributes.iter().map(|kv| kv.value.to_string()).collect();
        assert_eq!(told, ["GET", "::1", "443", "https://[::1]/a", "200"]);
    }

    #[test]
    fn a_call_that_nobody_waits_for_was_cancelled() {
        let (span, _) = called("http://localhost:9/", drop);
        assert_eq!(span.status, Status::error(""));
        let last = span.attributes.last().map(|kv| (kv.key.to_string(), kv.value.to_string()));
        assert_eq!(last, Some(("error.type".to_owned(), "cancelled".to_owned())));
    }
}

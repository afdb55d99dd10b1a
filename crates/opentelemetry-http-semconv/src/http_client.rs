//! Client spans for requests of the `http` crate.

use http::Request;
use opentelemetry::Context;
use opentelemetry::global::BoxedTracer;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, Tracer};

use crate::client_request::{Attempt, ClientRequest};
use crate::method::KnownMethods;
use crate::propagation::OutgoingHeaders;

/// Starts a client span for each request of a client in the types of the [`http`] crate.
pub struct HttpClientInstrumentation {
    /// Starts the spans.
    pub tracer: BoxedTracer,
    /// Writes their contexts.
    pub propagator: TextMapCompositePropagator,
    /// The methods that telemetry names.
    pub known_methods: KnownMethods,
}

impl HttpClientInstrumentation {
    /// Starts the span of a request that is about to be sent to `url`, as a child of the current
    /// context, and adds the context of that span to the request's headers.
    pub fn start<B>(&self, url: &str, request: &mut Request<B>) -> Attempt<'static> {
        let uri = request.uri();
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let description = ClientRequest {
            method: self.known_methods.normalize(request.method().as_str()),
            url,
            host: uri.host().unwrap_or_default(),
            port: Some(uri.port_u16().unwrap_or(default)),
            resend_count: 0,
        };
        let attempt =
            description.start(None, |span| Context::current_with_span(self.tracer.build(span)));
        let mut headers = OutgoingHeaders(request.headers_mut());
        self.propagator.inject_context(attempt.context(), &mut headers);
        attempt
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanKind, Status, TracerProvider};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

    use super::*;
    use crate::propagation::StrictTraceContext;

    /// Sends a request to this URL: its span, and the `traceparent` that it carried.
    fn call(url: &str, end: impl FnOnce(Attempt<'static>)) -> (SpanData, String) {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let instrumentation = HttpClientInstrumentation {
            tracer: BoxedTracer::new(Box::new(provider.tracer("test"))),
            propagator: TextMapCompositePropagator::new(vec![Box::new(StrictTraceContext)]),
            known_methods: KnownMethods::default(),
        };
        let mut request = Request::get(url).body(()).expect("a request");
        end(instrumentation.start(url, &mut request));
        let sent = request.headers()["traceparent"].to_str().expect("text").to_owned();
        (exporter.get_finished_spans().expect("the spans").remove(0), sent)
    }

    #[test]
    fn a_call_has_a_client_span_and_propagates_its_context() {
        let (span, sent) = call("https://[::1]/a", |attempt| attempt.end(Ok(200)));
        assert_eq!((span.span_kind, span.status), (SpanKind::Client, Status::Unset));
        assert!(sent.contains(&span.span_context.span_id().to_string()), "{sent}");
        let values: Vec<_> = span.attributes.iter().map(|kv| kv.value.to_string()).collect();
        assert_eq!(values, ["GET", "::1", "443", "https://[::1]/a", "200"]);
    }

    #[test]
    fn a_dropped_call_is_cancelled() {
        let (span, _) = call("http://localhost:9/", drop);
        assert_eq!(span.status, Status::error(""));
        let last = span.attributes.last().map(|kv| (kv.key.to_string(), kv.value.to_string()));
        assert_eq!(last, Some(("error.type".to_owned(), "cancelled".to_owned())));
    }
}

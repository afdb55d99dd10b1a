//! A reqwest client whose every request is a client span that hands its context on.

use std::sync::Arc;

use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::Tracer;
use opentelemetry::{Context, global};
use opentelemetry_semantic_conventions::metric;
use reqwest::{Request, RequestBuilder, Response};

use super::fairing::RequestTracing;
use super::metrics::DURATION_BUCKETS;
use super::recorder::{StartSpan, from_tracer};
use opentelemetry_http_semconv::KnownMethods;
use opentelemetry_http_semconv::call::Call;
use opentelemetry_http_semconv::propagation::OutgoingHeaders;

/// A [`reqwest::Client`] with a client span, a `traceparent` and a duration for every request.
///
/// One span is one attempt: build the inner client with `redirect(Policy::none())` where each
/// redirect shall have a span of its own, and say with [`resend`](Self::resend) which try it is.
/// The span ends when the response's head is there.
///
/// ```no_run
/// # async fn doc() -> Result<(), reqwest::Error> {
/// use rocket_opentelemetry::TracedClient;
///
/// let client = TracedClient::new(reqwest::Client::new());
/// let response = client.send(client.get("http://localhost:8000/health")).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TracedClient {
    inner: reqwest::Client,
    start: Arc<StartSpan>,
    duration: Histogram<f64>,
    propagator: Option<Arc<dyn TextMapPropagator + Send + Sync>>,
    known_methods: Arc<KnownMethods>,
}

impl TracedClient {
    /// Traces by the global providers and propagator, as they stand now.
    #[must_use]
    pub fn new(inner: reqwest::Client) -> Self {
        let scope = RequestTracing::scope();
        Self {
            inner,
            start: from_tracer(global::tracer_with_scope(scope.clone())),
            duration: duration(&global::meter_with_scope(scope)),
            propagator: None,
            known_methods: Arc::new(KnownMethods::from_env()),
        }
    }

    /// Starts spans with this tracer in place of the global provider's.
    #[must_use]
    pub fn with_tracer<T>(mut self, tracer: T) -> Self
    where
        T: Tracer + Send + Sync + 'static,
        T::Span: Send + Sync + 'static,
    {
        self.start = from_tracer(tracer);
        self
    }

    /// Records durations with this meter in place of the global provider's.
    #[must_use]
    pub fn with_meter(mut self, meter: &Meter) -> Self {
        self.duration = duration(meter);
        self
    }

    /// Writes the context with this propagator in place of the global one.
    #[must_use]
    pub fn with_propagator(
        mut self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        self.propagator = Some(Arc::new(propagator));
        self
    }

    /// Names these methods only, in place of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`.
    #[must_use]
    pub fn with_known_methods(mut self, methods: KnownMethods) -> Self {
        self.known_methods = Arc::new(methods);
        self
    }

    /// A GET request to build on; [`send`](Self::send) sends it.
    pub fn get(&self, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.inner.get(url)
    }

    /// A POST request to build on.
    pub fn post(&self, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.inner.post(url)
    }

    /// A request of any method to build on.
    pub fn request(&self, method: http::Method, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.inner.request(method, url)
    }

    /// Sends a request, as a child of the current context.
    ///
    /// # Errors
    /// What reqwest says: the request could not be built, sent or answered. An answer of 4xx or
    /// 5xx is no error here, but the span's status is Error, as the conventions want of clients.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        self.execute(request.build()?, 0).await
    }

    /// Sends a request once more: `count` (from 1) becomes `http.request.resend_count`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn resend(
        &self,
        request: RequestBuilder,
        count: u32,
    ) -> Result<Response, reqwest::Error> {
        self.execute(request.build()?, count).await
    }

    async fn execute(&self, mut request: Request, resend: u32) -> Result<Response, reqwest::Error> {
        let url = request.url();
        let (method, host) = (request.method().as_str(), url.host_str().unwrap_or_default());
        let call = Call::new(method, &self.known_methods, host, url.port_or_known_default());
        let builder = call.span(url.as_str(), resend);
        let cx = Context::map_current(|current| (self.start)(builder, current, &|_| ()));
        self.inject(&cx, request.headers_mut());

        let attempt = call.attempt(cx, Some(&self.duration));
        let result = self.inner.execute(request).await;
        attempt.end(match &result {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) => Err(error_type(error)),
        });
        result
    }

    fn inject(&self, cx: &Context, headers: &mut http::HeaderMap) {
        let mut carrier = OutgoingHeaders(headers);
        match &self.propagator {
            Some(propagator) => propagator.inject_context(cx, &mut carrier),
            None => global::get_text_map_propagator(|p| p.inject_context(cx, &mut carrier)),
        }
    }
}

fn duration(meter: &Meter) -> Histogram<f64> {
    meter
        .f64_histogram(metric::HTTP_CLIENT_REQUEST_DURATION)
        .with_unit("s")
        .with_description("Duration of HTTP client requests.")
        .with_boundaries(DURATION_BUCKETS.to_vec())
        .build()
}

/// `error.type` of a request without an answer: few values, whatever the system's error says.
fn error_type(error: &reqwest::Error) -> &'static str {
    match error {
        e if e.is_timeout() => "timeout",
        e if e.is_connect() => "connect",
        e if e.is_redirect() => "redirect",
        e if e.is_body() => "body",
        e if e.is_request() => "request",
        _ => "_OTHER",
    }
}

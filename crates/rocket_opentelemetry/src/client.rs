//! Step 10: a reqwest client whose requests are client spans.

use std::sync::Arc;

use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::Tracer;
use opentelemetry::{Context, global};
use opentelemetry_http_semconv::metrics::client_request_duration;
use opentelemetry_http_semconv::propagation::OutgoingHeaders;
use opentelemetry_http_semconv::{ClientRequest, KnownMethods};
use reqwest::{IntoUrl, Method, Request, RequestBuilder, Response};

use crate::context_extractor::Propagator;
use crate::fairing::RequestTracing;
use crate::instrumentation::{StartSpan, from_tracer};

/// A [`reqwest::Client`] that gives every request it sends a client span, a `traceparent` and a
/// duration.
///
/// A span covers one attempt, from the request to the head of the response. Build the inner client
/// with `redirect(Policy::none())` if each redirect needs a span of its own, and number repeated
/// attempts with [`resend`](Self::resend).
///
/// Requests are traced if they are sent by [`send`](Self::send) or [`resend`](Self::resend):
/// reqwest's own [`RequestBuilder::send`] bypasses the span.
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
    propagator: Propagator,
    known_methods: Arc<KnownMethods>,
}

impl TracedClient {
    /// Uses the global providers as they are now, and the global propagator.
    #[must_use]
    pub fn new(inner: reqwest::Client) -> Self {
        let scope = RequestTracing::scope();
        Self {
            inner,
            start: from_tracer(global::tracer_with_scope(scope.clone())),
            duration: client_request_duration(&global::meter_with_scope(scope)),
            propagator: Propagator::default(),
            known_methods: Arc::new(KnownMethods::from_env()),
        }
    }

    /// Starts spans with this tracer instead of the global provider's.
    #[must_use]
    pub fn with_tracer<T>(mut self, tracer: T) -> Self
    where
        T: Tracer + Send + Sync + 'static,
        T::Span: Send + Sync + 'static,
    {
        self.start = from_tracer(tracer);
        self
    }

    /// Records durations with this meter instead of the global provider's.
    #[must_use]
    pub fn with_meter(mut self, meter: &Meter) -> Self {
        self.duration = client_request_duration(meter);
        self
    }

    /// Injects contexts with this propagator instead of the global one.
    #[must_use]
    pub fn with_propagator(
        mut self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        self.propagator = Propagator::new(propagator);
        self
    }

    /// Names only these methods; any other is `_OTHER`. The default is what
    /// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` lists, or else the standard methods.
    #[must_use]
    pub fn with_known_methods(mut self, methods: KnownMethods) -> Self {
        self.known_methods = Arc::new(methods);
        self
    }

    /// Builds a GET request; [`send`](Self::send) sends it.
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.inner.get(url)
    }

    /// Builds a POST request.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.inner.post(url)
    }

    /// Builds a request of any method.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.inner.request(method, url)
    }

    /// Sends a request, as a child of the current context.
    ///
    /// # Errors
    /// reqwest's own: the request could not be built or sent, or had no response. A response of 4xx
    /// or 5xx is returned like any other; the status of its span is Error, as the conventions
    /// require of clients.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        self.execute(request.build()?, 0).await
    }

    /// Sends a request again; `count`, from 1, becomes `http.request.resend_count`.
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
        let description = ClientRequest {
            method: self.known_methods.normalize(request.method().as_str()),
            url: url.as_str(),
            host: url.host_str().unwrap_or_default(),
            port: url.port_or_known_default(),
            resend_count: resend,
        };
        let attempt = description.start(Some(&self.duration), |builder| {
            Context::map_current(|current| (self.start)(builder, current, &|_| ()))
        });
        let mut headers = OutgoingHeaders(request.headers_mut());
        self.propagator.with(|p| p.inject_context(attempt.context(), &mut headers));

        let result = self.inner.execute(request).await;
        attempt.end(match &result {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) => Err(error_type(error)),
        });
        result
    }
}

/// `error.type` of a request without a response: a few values, whatever the system reports.
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

//! A reqwest client whose every request is a client span that hands its context on.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_semantic_conventions::{attribute as semconv, metric};
use reqwest::{Request, RequestBuilder, Response};
use url::Url;

use super::attributes::{DURATION_BUCKETS, KnownMethods, REDACTED, redact_query};
use super::fairing::RequestTracing;
use super::propagation::OutgoingHeaders;
use super::recorder::{StartSpan, from_tracer};

/// A [`reqwest::Client`] with a client span, a `traceparent` and a duration for every request.
///
/// One span is one attempt: build the inner client with `redirect(Policy::none())` where each
/// redirect shall have a span of its own, and say with [`resend`](Self::resend) which try it is.
/// The span ends when the response's head is there.
///
/// ```no_run
/// # async fn doc() -> Result<(), reqwest::Error> {
/// use rocket_otel_demo::instrument::TracedClient;
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
        let (start_time, started) = (SystemTime::now(), Instant::now());
        let call = Call::of(&request, &self.known_methods);
        let builder = SpanBuilder::from_name(call.span_name())
            .with_kind(SpanKind::Client)
            .with_start_time(start_time)
            .with_attributes(call.attributes(&request, resend));
        let cx = Context::map_current(|current| (self.start)(builder, current, &|_| ()));
        self.inject(&cx, request.headers_mut());

        // Ends the span also when the caller drops this future half-way.
        let mut attempt = Attempt { client: self, call, cx, start_time, started, end: None };
        let result = self.inner.execute(request).await;
        attempt.end = Some(match &result {
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

/// What span and metric both tell of a request.
struct Call {
    method: Cow<'static, str>,
    original: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Call {
    fn of(request: &Request, known: &KnownMethods) -> Self {
        let method = request.method().as_str();
        let known = known.contains(method);
        Self {
            method: if known { Cow::Owned(method.to_owned()) } else { "_OTHER".into() },
            original: (!known).then(|| method.to_owned()),
            host: request.url().host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: request.url().port_or_known_default(),
        }
    }

    fn span_name(&self) -> Cow<'static, str> {
        if self.original.is_some() { "HTTP".into() } else { self.method.clone() }
    }

    fn labels(&self) -> Vec<KeyValue> {
        let mut labels = vec![
            KeyValue::new(semconv::HTTP_REQUEST_METHOD, self.method.clone()),
            KeyValue::new(semconv::SERVER_ADDRESS, self.host.clone()),
        ];
        labels.extend(self.port.map(|p| KeyValue::new(semconv::SERVER_PORT, i64::from(p))));
        labels
    }

    fn attributes(&self, request: &Request, resend: u32) -> Vec<KeyValue> {
        let mut attributes = self.labels();
        attributes.push(KeyValue::new(semconv::URL_FULL, redacted(request.url())));
        if let Some(original) = &self.original {
            let original = original.clone();
            attributes.push(KeyValue::new(semconv::HTTP_REQUEST_METHOD_ORIGINAL, original));
        }
        if resend > 0 {
            let count = i64::from(resend);
            attributes.push(KeyValue::new(semconv::HTTP_REQUEST_RESEND_COUNT, count));
        }
        attributes
    }
}

/// `url.full` without its fragment, with credentials and signed query values redacted.
fn redacted(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    // Both fail only for addresses that cannot have credentials.
    if !url.username().is_empty() {
        let _ = url.set_username(REDACTED);
    }
    if url.password().is_some() {
        let _ = url.set_password(Some(REDACTED));
    }
    if let Some(query) = url.query().map(|query| redact_query(query).into_owned()) {
        url.set_query(Some(&query));
    }
    url.into()
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

/// One attempt at a request, which ends its span when it is dropped.
struct Attempt<'a> {
    client: &'a TracedClient,
    call: Call,
    cx: Context,
    start_time: SystemTime,
    started: Instant,
    end: Option<Result<u16, &'static str>>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        let (status, error): (Option<u16>, Option<Cow<'static, str>>) = match self.end {
            Some(Ok(status)) if status >= 400 => (Some(status), Some(status.to_string().into())),
            Some(Ok(status)) => (Some(status), None),
            Some(Err(error)) => (None, Some(error.into())),
            None => (None, Some("cancelled".into())),
        };
        let mut outcome = Vec::with_capacity(2);
        outcome.extend(
            status.map(|s| KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, i64::from(s))),
        );
        outcome.extend(error.map(|kind| KeyValue::new(semconv::ERROR_TYPE, kind)));
        let span = self.cx.span();
        if outcome.iter().any(|kv| kv.key.as_str() == semconv::ERROR_TYPE) {
            span.set_status(Status::error(""));
        }
        let mut labels = self.call.labels();
        labels.extend(outcome.iter().cloned());
        span.set_attributes(outcome);
        span.end_with_timestamp(self.start_time + elapsed);
        self.client.duration.record(elapsed.as_secs_f64(), &labels);
    }
}

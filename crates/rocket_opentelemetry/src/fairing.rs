//! The fairing that starts a server span for each request and tells it of the response.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use opentelemetry::metrics::Meter;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, Tracer};
use opentelemetry::{InstrumentationScope, global};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::{Header, Status};
use rocket::{Build, Data, Request, Response, Rocket};

use super::body;
use super::metrics::ServerMetrics;
use super::origin::RocketHeaders;
use super::recorder::{Parents, Recorder, StartSpan, Tracked, from_tracer};
use super::span::AnsweringRoute;
use opentelemetry_http_semconv::attributes::KnownMethods;
use opentelemetry_http_semconv::request::{CapturedHeader, captured};
use opentelemetry_http_semconv::response::{RouteName, traceresponse};

/// A fairing that gives every request a server span and the HTTP server metrics.
///
/// Spans and metrics follow the stable HTTP semantic conventions
/// (<https://opentelemetry.io/docs/specs/semconv/http/>). Attach it before other fairings, and
/// wrap routes and catchers with [`traced`](super::traced) so that their spans become children.
///
/// ```
/// use rocket::{get, routes};
/// use rocket_opentelemetry::{RequestTracing, traced};
///
/// #[get("/")]
/// fn index() -> &'static str { "hello" }
///
/// let rocket = rocket::build()
///     .attach(RequestTracing::new())
///     .mount("/", traced(routes![index]));
/// ```
pub struct RequestTracing {
    start: Option<Arc<StartSpan>>,
    meter: Option<Meter>,
    propagator: Mutex<Option<Box<dyn TextMapPropagator + Send + Sync>>>,
    known_methods: KnownMethods,
    trust_forwarded: bool,
    defer_attributes: bool,
    record: bool,
    excluded: Vec<String>,
    request_headers: Vec<CapturedHeader>,
    response_headers: Vec<CapturedHeader>,
    recorder: OnceLock<Arc<Recorder>>,
}

impl Default for RequestTracing {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestTracing {
    /// Traces by the global providers and propagator, as they stand when Rocket ignites.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: None,
            meter: None,
            propagator: Mutex::new(None),
            known_methods: KnownMethods::from_env(),
            trust_forwarded: false,
            defer_attributes: false,
            record: true,
            excluded: Vec::new(),
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            recorder: OnceLock::new(),
        }
    }

    /// Starts spans with this tracer in place of the global provider's.
    #[must_use]
    pub fn with_tracer<T>(mut self, tracer: T) -> Self
    where
        T: Tracer + Send + Sync + 'static,
        T::Span: Send + Sync + 'static,
    {
        self.start = Some(from_tracer(tracer));
        self
    }

    /// Records metrics with this meter in place of the global provider's.
    #[must_use]
    pub fn with_meter(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Reads the parent with this propagator in place of the global one.
    #[must_use]
    pub fn with_propagator(
        mut self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        self.propagator = Mutex::new(Some(Box::new(propagator)));
        self
    }

    /// Names these methods only, in place of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`.
    #[must_use]
    pub fn with_known_methods(mut self, methods: KnownMethods) -> Self {
        self.known_methods = methods;
        self
    }

    /// Believes `Forwarded` and `X-Forwarded-*`. Only for servers that no client can reach past
    /// the proxy that sets them: anyone can send these headers.
    #[must_use]
    pub fn trust_forwarded(mut self, trust: bool) -> Self {
        self.trust_forwarded = trust;
        self
    }

    /// Lets a span have its attributes once it records, in place of at its creation.
    ///
    /// For samplers that look at the trace's id and the parent alone, as the SDK's own do: what is
    /// sampled out then costs no attributes. A sampler that looks at attributes may find none.
    #[must_use]
    pub fn defer_attributes(mut self) -> Self {
        self.defer_attributes = true;
        self
    }

    /// Leaves out requests whose path is one of `prefixes` or below it.
    #[must_use]
    pub fn exclude<S: Into<String>>(mut self, prefixes: impl IntoIterator<Item = S>) -> Self {
        self.excluded.extend(prefixes.into_iter().map(Into::into));
        self
    }

    /// Records these request headers as `http.request.header.<name>` (opt-in by convention:
    /// headers can be secrets).
    #[must_use]
    pub fn capture_request_headers<S: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.request_headers.extend(captured("http.request.header.", names));
        self
    }

    /// Records these response headers as `http.response.header.<name>`.
    #[must_use]
    pub fn capture_response_headers<S: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.response_headers.extend(captured("http.response.header.", names));
        self
    }

    /// Makes no spans and no metrics: only hands an incoming context on to outgoing calls, as
    /// `OTEL_SDK_DISABLED` asks.
    #[must_use]
    pub fn propagate_only(mut self) -> Self {
        self.record = false;
        self
    }

    /// The scope of this instrumentation's spans and metrics.
    #[must_use]
    pub fn scope() -> InstrumentationScope {
        opentelemetry_http_semconv::scope("rocket_opentelemetry", env!("CARGO_PKG_VERSION"))
    }

    fn is_excluded(&self, request: &Request<'_>) -> bool {
        let path = request.uri().path().as_str();
        self.excluded.iter().any(|prefix| {
            path.strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

#[rocket::async_trait]
impl Fairing for RequestTracing {
    fn info(&self) -> Info {
        let all = Kind::Ignite | Kind::Request | Kind::Singleton;
        Info {
            name: "OpenTelemetry requests",
            // Who only hands contexts on does that where they are used: in routes and catchers.
            kind: if self.record { all } else { Kind::Ignite | Kind::Singleton },
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let propagator = self.propagator.lock().unwrap_or_else(PoisonError::into_inner).take();
        let parents = Parents::new(propagator);
        if !self.record {
            return Ok(rocket.manage(Arc::new(parents)));
        }
        let scope = Self::scope();
        let meter = self.meter.clone();
        let meter = meter.unwrap_or_else(|| global::meter_with_scope(scope.clone()));
        let recorder = Arc::new(Recorder {
            start: self
                .start
                .clone()
                .unwrap_or_else(|| from_tracer(global::tracer_with_scope(scope))),
            metrics: Arc::new(ServerMetrics::new(&meter)),
            parents,
            known_methods: self.known_methods.clone(),
            trust_forwarded: self.trust_forwarded,
            defer_attributes: self.defer_attributes,
            recorded: AtomicBool::new(true),
            request_headers: self.request_headers.clone(),
        });
        // A second ignition is not possible: Rocket consumes itself.
        let _ = self.recorder.set(recorder.clone());
        // Attached on ignition, so that it runs after the response fairings of the application
        // and sees the response as it goes out.
        let response_side = ResponseTracing { headers: self.response_headers.clone() };
        Ok(rocket.manage(recorder).attach(response_side))
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        if let Some(recorder) = self.recorder.get().filter(|_| !self.is_excluded(request)) {
            let span = recorder.span(request);
            request.local_cache(|| Tracked::Span(span));
        }
    }
}

/// The other half of [`RequestTracing`]: what is known once there is a response.
struct ResponseTracing {
    headers: Vec<CapturedHeader>,
}

#[rocket::async_trait]
impl Fairing for ResponseTracing {
    fn info(&self) -> Info {
        Info { name: "OpenTelemetry responses", kind: Kind::Response | Kind::Singleton }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Some(span) = Tracked::of(request).span() else {
            return;
        };
        let upgrades = span.asks_upgrade && is_upgraded(request, response);
        let status = if upgrades { Status::SwitchingProtocols } else { response.status() };
        span.set_status(status.code);
        // Below 400 the last route tried is the one that answered, also if it is not wrapped.
        if !span.has_route() && status.code < 400 {
            span.set_route(request.route().map(|route| {
                let name = RouteName::new(span.method(), route.uri.path().to_owned());
                AnsweringRoute { name, durations: None }
            }));
        }
        for attribute in
            self.headers.iter().filter_map(|h| h.attribute(&RocketHeaders(response.headers())))
        {
            span.context().span().set_attribute(attribute);
        }
        response.set_header(Header::new("traceresponse", traceresponse(&span.span_context())));
        let bodiless = span.is_head
            || matches!(status, Status::NoContent | Status::NotModified)
            || response.body().is_none();
        if upgrades || is_event_stream(response) {
            // It lasts as long as the client stays: what there is to tell is known by now.
            span.end();
        } else if !bodiless {
            body::watch(response, span).await;
        }
    }
}

/// Whether Rocket will make this a 101: it does so after the response fairings, where the route
/// offers a protocol that the client asks for.
fn is_upgraded<'r>(request: &'r Request<'_>, response: &mut Response<'r>) -> bool {
    let asked = request.headers().get("Upgrade").flat_map(|list| list.split(','));
    asked.map(str::trim).any(|protocol| response.upgrade(protocol).is_some())
}

fn is_event_stream(response: &Response<'_>) -> bool {
    // Nobody knows the size of one, and of most other answers everybody does.
    if response.body().preset_size().is_some() {
        return false;
    }
    // To pass a few headers by costs less than to look one up.
    let mut headers = response.headers().iter();
    let content_type = headers.find(|header| header.name == "Content-Type");
    content_type.is_some_and(|header| {
        let essence = header.value.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("text/event-stream")
    })
}

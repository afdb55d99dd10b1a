//! Step 1: the fairing that an application attaches, and its settings.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use opentelemetry::metrics::Meter;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::Tracer;
use opentelemetry::{InstrumentationScope, global};
use opentelemetry_http_semconv::{CapturedHeader, KnownMethods};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::{Build, Data, Request, Rocket};

use crate::context_extractor::{ContextExtractor, Propagator};
use crate::instrumentation::{ServerInstrumentation, StartSpan, from_tracer};
use crate::metrics::ServerMetrics;
use crate::response::ResponseTracing;
use crate::state::RequestState;

/// A fairing that gives every request a server span and the HTTP server metrics.
///
/// Spans and metrics follow the stable HTTP semantic conventions
/// (<https://opentelemetry.io/docs/specs/semconv/http/>). Attach it before other fairings, and
/// wrap routes and catchers with [`traced`](crate::traced()) so that their spans become children.
///
/// ```
/// use rocket::{get, routes};
/// use rocket_opentelemetry::{RequestTracing, traced};
///
/// #[get("/")]
/// fn index() -> &'static str { "hello" }
///
/// let rocket = rocket::build()
///     .attach(RequestTracing::new().exclude(["/health"]))
///     .mount("/", traced(routes![index]));
/// ```
#[derive(Default)]
pub struct RequestTracing {
    start: Option<Arc<StartSpan>>,
    meter: Option<Meter>,
    propagator: Propagator,
    known_methods: Option<KnownMethods>,
    trust_forwarded: bool,
    defer_attributes: bool,
    propagate_only: bool,
    /// The segments of each prefix.
    excluded: Vec<Vec<String>>,
    request_headers: Vec<CapturedHeader>,
    response_headers: Vec<CapturedHeader>,
    instrumentation: OnceLock<Arc<ServerInstrumentation>>,
}

impl RequestTracing {
    /// Uses the global providers and the global propagator, as they are when Rocket ignites.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts spans with this tracer instead of the global provider's.
    #[must_use]
    pub fn with_tracer<T>(mut self, tracer: T) -> Self
    where
        T: Tracer + Send + Sync + 'static,
        T::Span: Send + Sync + 'static,
    {
        self.start = Some(from_tracer(tracer));
        self
    }

    /// Records metrics with this meter instead of the global provider's.
    #[must_use]
    pub fn with_meter(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Extracts parents with this propagator instead of the global one.
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
        self.known_methods = Some(methods);
        self
    }

    /// Takes client, scheme and host from `Forwarded` and `X-Forwarded-*`. The default is `false`,
    /// because anyone can send these headers: set it only where no client can reach the server
    /// except through a proxy that sets them.
    #[must_use]
    pub fn trust_forwarded(mut self, trust: bool) -> Self {
        self.trust_forwarded = trust;
        self
    }

    /// Allows a span to receive its attributes after its creation, once it is known to record.
    ///
    /// Requests that are sampled out then cost no attributes. Only for samplers that look at the
    /// trace id and the parent alone, as the SDK's own do: one that looks at attributes may find
    /// none.
    #[must_use]
    pub fn defer_attributes(mut self) -> Self {
        self.defer_attributes = true;
        self
    }

    /// Excludes requests whose path is one of `prefixes` or below it: neither spans nor metrics.
    ///
    /// Paths are compared as Rocket routes them, by decoded segments, of which empty ones do not
    /// count: `//health`, `/%68ealth` and `/health/live` are all below `/health/`.
    #[must_use]
    pub fn exclude<S: AsRef<str>>(mut self, prefixes: impl IntoIterator<Item = S>) -> Self {
        let segments = |prefix: S| {
            let segments = prefix.as_ref().split('/').filter(|segment| !segment.is_empty());
            segments.map(str::to_owned).collect()
        };
        self.excluded.extend(prefixes.into_iter().map(segments));
        self
    }

    /// Captures these request headers as `http.request.header.<name>`. Opt-in by convention:
    /// headers can hold secrets.
    #[must_use]
    pub fn capture_request_headers<S: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.request_headers.extend(CapturedHeader::of_requests(names));
        self
    }

    /// Captures these response headers as `http.response.header.<name>`.
    #[must_use]
    pub fn capture_response_headers<S: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.response_headers.extend(CapturedHeader::of_responses(names));
        self
    }

    /// Makes neither spans nor metrics, and only propagates incoming contexts to outgoing calls:
    /// what `OTEL_SDK_DISABLED` asks for.
    #[must_use]
    pub fn propagate_only(mut self) -> Self {
        self.propagate_only = true;
        self
    }

    /// The scope of this instrumentation's spans and metrics, for the tracer and the meter that an
    /// application passes in.
    #[must_use]
    pub fn scope() -> InstrumentationScope {
        opentelemetry_http_semconv::scope("rocket_opentelemetry", env!("CARGO_PKG_VERSION"))
    }

    fn is_excluded(&self, request: &Request<'_>) -> bool {
        self.excluded.iter().any(|prefix| {
            let path = request.uri().path();
            let mut path = path.segments().filter(|segment| !segment.is_empty());
            prefix.iter().all(|segment| path.next() == Some(segment))
        })
    }
}

#[rocket::async_trait]
impl Fairing for RequestTracing {
    fn info(&self) -> Info {
        let base = Kind::Ignite | Kind::Singleton;
        Info {
            name: "OpenTelemetry requests",
            // Contexts that are only propagated are extracted in the wrappers that use them.
            kind: if self.propagate_only { base } else { base | Kind::Request },
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        let extractor = ContextExtractor::new(self.propagator.clone());
        if self.propagate_only {
            return Ok(rocket.manage(Arc::new(extractor)));
        }
        let scope = Self::scope();
        let meter = self.meter.clone();
        let meter = meter.unwrap_or_else(|| global::meter_with_scope(scope.clone()));
        let start = self.start.clone();
        let instrumentation = Arc::new(ServerInstrumentation {
            start: start.unwrap_or_else(|| from_tracer(global::tracer_with_scope(scope))),
            metrics: Arc::new(ServerMetrics::new(&meter)),
            extractor,
            known_methods: self.known_methods.clone().unwrap_or_else(KnownMethods::from_env),
            trust_forwarded: self.trust_forwarded,
            last_recorded: self.defer_attributes.then(|| AtomicBool::new(true)),
            request_headers: self.request_headers.clone(),
        });
        // A `Rocket` ignites once, so the cell is empty.
        let _ = self.instrumentation.set(instrumentation.clone());
        // Attached on ignition, so that it runs after the application's response fairings and sees
        // the response as it is sent.
        let response = ResponseTracing { headers: self.response_headers.clone() };
        Ok(rocket.manage(instrumentation).attach(response))
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        if let Some(instrumentation) = self.instrumentation.get()
            && !self.is_excluded(request)
        {
            let span = instrumentation.start(request);
            RequestState::get_or_init(request, || RequestState::Recording(span));
        }
    }
}

//! The telemetry of a component's instance, which may live for one request.
//!
//! A batch processor needs a thread and a life beyond the request; an instance has neither. Its
//! host waits for the export, and an instance that waits cannot answer: so there is one short try
//! per request, and none for a while after a failure. The HTTP client is that of the caller.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use opentelemetry::InstrumentationScope;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider;
use opentelemetry::trace::noop::NoopTracer;
#[cfg(any(feature = "pages", test))]
use opentelemetry_autoconfigure::ExporterStatus;
use opentelemetry_autoconfigure::{
    Backoff, Config, Defaults, Destination, DropReason, ExportError, Exporter, ExporterStats,
    Logger, OtlpConfig, Protocol, Signal, Variables,
};
use opentelemetry_http_semconv::{
    CapturedHeader, HttpClientInstrumentation, HttpServerInstrumentation,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

use span_buffer::SpanBuffer;

mod span_buffer;

/// The limit of an export, whatever the variables say: at 1,000 requests per second a collector
/// that hangs then holds 150 instances. wasmtime has room for 333, of three modules each, by default.
const EXPORT_LIMIT: Duration = Duration::from_millis(150);

/// The pauses after failures: a slow moment costs few spans, and an outage few tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));

/// Records and exports the spans of an instance.
pub(crate) struct Instance {
    config: Config,
    provider: SdkTracerProvider,
    spans: SpanBuffer,
    console: Option<(opentelemetry_stdout::SpanExporter, ExporterStats)>,
    otlp: Option<ExporterStats>,
    resource: ResourceAttributesWithSchema,
    pause: Mutex<Pause>,
}

struct Pause {
    /// No export before this time.
    until: Option<Instant>,
    backoff: Backoff,
}

impl Instance {
    pub(crate) fn from_variables(variables: &Variables) -> Self {
        let defaults = Defaults {
            service_name: "rocket-demo-app".to_owned(),
            service_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            // `wasi:http` has no trailers, which gRPC needs.
            protocol: Protocol::HttpProtobuf,
        };
        Self::build(Config::with_defaults(variables, &defaults).unwrap_or_else(|error| {
            // An instance starts with a request, whose answer matters more than its spans.
            let mut config = Config::default();
            config.disabled = true;
            config.warnings.push(format!("no spans are recorded: {error}"));
            config
        }))
    }

    fn build(config: Config) -> Self {
        let resource = config.resource();
        let spans = SpanBuffer::new(config.span_limits);
        let enabled = |exporter| !config.disabled && config.traces.exporters.contains(&exporter);
        let stats = |destination| ExporterStats::new(Signal::Traces, destination);
        let console = enabled(Exporter::Console).then(|| {
            let mut console = opentelemetry_stdout::SpanExporter::default();
            console.set_resource(&resource);
            (console, stats(Destination::Console))
        });
        let otlp = enabled(Exporter::Otlp).then(|| stats(Destination::otlp(&config.traces.otlp)));
        let encoded = ResourceAttributesWithSchema::from(&resource);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(config.sampler())
            .with_span_limits(config.span_limits.counts)
            .with_span_processor(spans.clone())
            .build();
        let pause = Mutex::new(Pause { until: None, backoff: BACKOFF });
        Self { config, provider, spans, console, otlp, resource: encoded, pause }
    }

    /// Installs the logger, to whose lines the host adds the time, and logs the warnings.
    pub(crate) fn install(&self) {
        // An instance installs one logger.
        let _ = Logger::new(self.config.log_level).install();
        self.config.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The instrumentation of incoming requests.
    pub(crate) fn server_spans(&self, trust_forwarded: bool) -> HttpServerInstrumentation {
        let config = &self.config;
        let tracer = (!config.disabled).then(|| self.tracer(scope()));
        HttpServerInstrumentation {
            tracer,
            propagator: config.propagator(),
            known_methods: config.known_methods.clone(),
            trust_forwarded,
            request_headers: CapturedHeader::of_requests(&config.request_headers),
            response_headers: CapturedHeader::of_responses(&config.response_headers),
        }
    }

    /// The instrumentation of outgoing requests.
    pub(crate) fn client_spans(&self) -> HttpClientInstrumentation {
        HttpClientInstrumentation {
            tracer: self.tracer(scope()),
            propagator: self.config.propagator(),
            known_methods: self.config.known_methods.clone(),
        }
    }

    /// A tracer of a scope. A disabled SDK would replace the ids of the caller's span; the API's
    /// tracer propagates them.
    pub(crate) fn tracer(&self, scope: InstrumentationScope) -> BoxedTracer {
        if self.config.disabled {
            return BoxedTracer::new(Box::new(NoopTracer::new()));
        }
        BoxedTracer::new(Box::new(self.provider.tracer_with_scope(scope)))
    }

    /// Exports the spans that have ended. `post` sends a request and returns the status of the
    /// response, if it comes in time.
    pub(crate) async fn export(
        &self,
        post: impl AsyncFnOnce(Request<Vec<u8>>, Duration) -> Result<u16, String>,
    ) {
        let spans = self.spans.take();
        let count = spans.len() as u64;
        if count == 0 {
            return;
        }
        if let Some((console, stats)) = &self.console {
            // It prints, and cannot fail.
            let _ = console.export(spans.clone()).await;
            stats.accepted(count, None);
        }
        let Some(stats) = &self.otlp else { return };
        if self.pause().until.is_some_and(|until| Instant::now() < until) {
            stats.dropped(DropReason::ExportFailed, count);
            return;
        }
        let result = self.send(spans, post).await;
        let mut pause = self.pause();
        match result {
            Ok(()) => {
                stats.accepted(count, None);
                *pause = Pause { until: None, backoff: BACKOFF };
            }
            Err(error) => {
                stats.dropped(DropReason::ExportFailed, count);
                stats.failed(&error);
                pause.until = Some(Instant::now() + error.pause(&mut pause.backoff));
            }
        }
    }

    async fn send(
        &self,
        spans: Vec<SpanData>,
        post: impl AsyncFnOnce(Request<Vec<u8>>, Duration) -> Result<u16, String>,
    ) -> Result<(), ExportError> {
        let config = &self.config.traces.otlp;
        let request = request(config, span_buffer::encode(&self.resource, spans))?;
        let status = post(request, config.timeout.min(EXPORT_LIMIT)).await;
        match status.map_err(ExportError::transient)? {
            200..300 => Ok(()),
            // The first failure is not logged, whatever its kind: this may be one process of
            // thousands, each of which serves one request.
            status => {
                let status = StatusCode::from_u16(status).unwrap_or_default();
                Err(ExportError::transient(ExportError::from_http_status(status, None).message))
            }
        }
    }

    #[cfg(any(feature = "pages", test))]
    /// The status of each exporter in this instance, and of each signal without one.
    pub(crate) fn exporter_status(&self) -> Vec<ExporterStatus> {
        let console = self.console.as_ref().map(|(_, stats)| stats);
        let note = "Since the start of this instance; other instances have their own counts";
        let status = |stats: &ExporterStats| {
            let status = stats.status();
            let detail = status.detail.or_else(|| Some(note.to_owned()));
            ExporterStatus { detail, ..status }
        };
        let mut all: Vec<_> = self.otlp.iter().chain(console).map(status).collect();
        if all.is_empty() {
            all.push(ExporterStatus::off(Signal::Traces));
        }
        all.extend([Signal::Metrics, Signal::Logs].map(ExporterStatus::off));
        all
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request(config: &OtlpConfig, body: Vec<u8>) -> Result<Request<Vec<u8>>, ExportError> {
    if config.protocol == Protocol::Grpc {
        return Err(ExportError::transient("a component cannot use gRPC: set http/protobuf"));
    }
    let length = body.len();
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = config.endpoint.uri.clone();
    let headers = request.headers_mut();
    headers.append(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    headers.append(CONTENT_LENGTH, length.into());
    for (name, value) in &config.headers {
        let header = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        let (Ok(name), Ok(value)) = header else {
            return Err(ExportError::transient(format!("invalid OTLP header {name}")));
        };
        headers.append(name, value);
    }
    Ok(request)
}

/// The scope of this instrumentation's spans.
fn scope() -> InstrumentationScope {
    opentelemetry_http_semconv::scope("component", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Span, Tracer};
    use opentelemetry_autoconfigure::State;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;
    use tokio::runtime::Builder;

    use super::*;

    fn instance(variables: &[(&'static str, &'static str)]) -> Instance {
        Instance::from_variables(&variables.iter().copied().collect())
    }

    /// Ends `count` spans, exports them, and returns the request that was answered with `status`.
    fn exported(
        instance: &Instance,
        count: usize,
        status: u16,
    ) -> Option<(Request<Vec<u8>>, Duration)> {
        let tracer = instance.tracer(InstrumentationScope::builder("a scope").build());
        (0..count).for_each(|_| tracer.start("a span").end());
        let mut posted = None;
        let export = instance.export(async |request, time| {
            posted = Some((request, time));
            Ok(status)
        });
        Builder::new_current_thread().build().expect("a runtime").block_on(export);
        posted
    }

    fn counts(instance: &Instance) -> (State, u64, u64) {
        let status = &instance.exporter_status()[0];
        (status.state, status.exported, status.dropped)
    }

    #[test]
    fn ended_spans_are_posted_once_and_with_a_short_limit() {
        let instance = instance(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a"),
        ]);
        let (request, time) = exported(&instance, 2, 200).expect("a request");
        assert_eq!(request.uri(), "http://collector:1/v1/traces");
        assert_eq!(request.headers()["x-tenant"], "a");
        assert_eq!(request.headers()["content-length"], request.body().len().to_string());
        assert_eq!(time, EXPORT_LIMIT);
        let body = ExportTraceServiceRequest::decode(&**request.body()).expect("OTLP");
        assert_eq!(body.resource_spans[0].scope_spans[0].spans.len(), 2);
        assert!(exported(&instance, 0, 200).is_none(), "they were exported before");
        assert_eq!(counts(&instance), (State::Ok, 2, 0));
    }

    #[test]
    fn after_a_failure_there_is_no_export_for_a_while() {
        let instance = instance(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "20")]);
        let (_, time) = exported(&instance, 1, 503).expect("a request");
        assert_eq!(time, Duration::from_millis(20));
        assert!(exported(&instance, 2, 200).is_none());
        assert_eq!(counts(&instance), (State::Failing, 0, 3));
        let detail = instance.exporter_status().remove(0).detail;
        assert!(detail.is_some_and(|detail| detail.contains("503")));
        // The pause is over.
        instance.pause().until = Some(Instant::now());
        assert!(exported(&instance, 7, 404).is_some());
        assert!(
            instance
                .pause()
                .until
                .is_some_and(|until| { until > Instant::now() + Duration::from_millis(250) })
        );
        instance.pause().until = Some(Instant::now());
        assert!(exported(&instance, 7, 200).is_some());
        assert_eq!(counts(&instance), (State::Ok, 7, 10));
        assert!(exported(&instance, 1, 200).is_some());
    }

    #[test]
    fn an_invalid_variable_is_ignored_with_a_warning() {
        let instance = instance(&[("OTEL_TRACES_SAMPLER", "perhaps")]);
        let warning = &instance.config().warnings[0];
        assert!(warning.starts_with("invalid OTEL_TRACES_SAMPLER=\"perhaps\""), "{warning}");
        assert!(exported(&instance, 1, 200).is_some());
    }

    #[test]
    fn a_disabled_sdk_exports_nothing_and_propagates_the_context_unchanged() {
        let instance = instance(&[("OTEL_SDK_DISABLED", "true")]);
        assert!(exported(&instance, 1, 200).is_none());
        assert!(instance.exporter_status().iter().all(|status| status.state == State::Off));
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = Request::get("/").header("traceparent", parent).body(()).expect("a request");
        let mut call = Request::get("http://localhost/").body(()).expect("a request");
        let _current = instance.server_spans(false).start(&request.into_parts().0).attach();
        drop(instance.client_spans().start("http://localhost/", &mut call));
        assert_eq!(call.headers()["traceparent"], parent);
    }

    #[test]
    fn grpc_is_not_supported() {
        let instance = instance(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert!(exported(&instance, 1, 200).is_none());
        assert_eq!(counts(&instance), (State::Failing, 0, 1));
    }
}

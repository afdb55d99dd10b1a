//! The telemetry of a component's instance, which may live for one request.
//!
//! A batch processor needs a thread and a life beyond the request; an instance has neither. Its
//! host waits for the export, and an instance that waits is one fewer to answer with: so there is
//! one try and no more, and it is short. The HTTP client is lent by who serves the requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use opentelemetry::InstrumentationScope;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider;
use opentelemetry::trace::noop::NoopTracer;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

use super::attempts::Attempts;
use super::gather::{self, Gathered};
use opentelemetry_autoconfigure::Variables;
use opentelemetry_autoconfigure::basics;
use opentelemetry_autoconfigure::{Config, Defaults, Exporter};
use opentelemetry_autoconfigure::{ExporterStatus, State};
use opentelemetry_autoconfigure::{Otlp, Protocol};
use opentelemetry_http_semconv::{HttpClientInstrumentation, HttpServerInstrumentation};

/// What an export may take, whatever the variables say: at 1,000 requests a second a collector that
/// hangs then holds 150 instances. wasmtime has room for 333, of three modules each, by default.
const MOST_TIME: Duration = Duration::from_millis(150);

/// What makes and exports the spans of an instance.
pub(crate) struct Instance {
    config: Config,
    provider: SdkTracerProvider,
    gathered: Gathered,
    console: Option<opentelemetry_stdout::SpanExporter>,
    printed: AtomicUsize,
    resource: ResourceAttributesWithSchema,
    attempts: Mutex<Attempts>,
}

impl Instance {
    /// What the variables ask for. A server would not start with a wrong one. An instance has no
    /// start to fail at but a request's, and answers matter more than spans.
    pub(crate) fn from_variables(variables: &Variables) -> Self {
        // `wasi:http` has no trailers that gRPC could do with.
        let config = match Config::with_defaults(
            variables,
            &Defaults {
                service_name: "rocket-demo-app".to_owned(),
                service_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                protocol: Protocol::HttpProtobuf,
            },
        ) {
            Ok(config) => config,
            Err(error) => Config::off(format!("no spans are made: {error}")),
        };
        Self::build(config)
    }

    fn build(config: Config) -> Self {
        let resource = basics::resource(&config);
        let gathered = Gathered::new(config.limits.value_length);
        let console = goes_to(&config, Exporter::Console).then(|| {
            let mut console = opentelemetry_stdout::SpanExporter::default();
            console.set_resource(&resource);
            console
        });
        let encoded = ResourceAttributesWithSchema::from(&resource);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(basics::sampler(&config))
            .with_span_limits(basics::span_limits(&config))
            .with_span_processor(gathered.clone())
            .build();
        Self {
            config,
            provider,
            gathered,
            console,
            printed: AtomicUsize::new(0),
            resource: encoded,
            attempts: Mutex::default(),
        }
    }

    /// Gives the instance its logger, and that the first lines.
    pub(crate) fn install(&self) {
        opentelemetry_autoconfigure::stderr::install(self.config.log_level);
        self.config.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    }

    /// What this telemetry was built from.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The spans of the requests that come in, as the variables want them.
    pub(crate) fn server_spans(&self, trust_forwarded: bool) -> HttpServerInstrumentation {
        let config = &self.config;
        let tracer = (!config.disabled).then(|| self.tracer(scope()));
        HttpServerInstrumentation::new(tracer, basics::propagator(config))
            .with_known_methods(config.known_methods.clone())
            .trust_forwarded(trust_forwarded)
            .capture_request_headers(&config.request_headers)
            .capture_response_headers(&config.response_headers)
    }

    /// The spans of the requests that go out.
    pub(crate) fn client_spans(&self) -> HttpClientInstrumentation {
        HttpClientInstrumentation::new(self.tracer(scope()), basics::propagator(&self.config))
            .with_known_methods(self.config.known_methods.clone())
    }

    /// The tracer of a scope. That of a disabled SDK would put ids of its own in place of the
    /// caller's: the API's hands on what came.
    pub(crate) fn tracer(&self, scope: InstrumentationScope) -> BoxedTracer {
        if self.config.disabled {
            return BoxedTracer::new(Box::new(NoopTracer::new()));
        }
        BoxedTracer::new(Box::new(self.provider.tracer_with_scope(scope)))
    }

    /// Exports the spans that have gathered. `post` sends a request and gives the answer's status,
    /// if it comes in time.
    pub(crate) async fn export<P>(&self, post: P)
    where
        P: AsyncFnOnce(Request<Vec<u8>>, Duration) -> Result<StatusCode, String>,
    {
        let spans = self.gathered.take();
        if spans.is_empty() {
            return;
        }
        if let Some(console) = &self.console {
            // It prints, and cannot fail.
            let _ = console.export(spans.clone()).await;
            self.printed.fetch_add(spans.len(), Ordering::Relaxed);
        }
        let count = spans.len();
        if let Some(otlp) = self.otlp()
            && self.attempts().may_try(Instant::now(), count)
        {
            let result = self.send(otlp, spans, post).await;
            self.attempts().ended(result, Instant::now(), count);
        }
    }

    async fn send<P>(&self, otlp: &Otlp, spans: Vec<SpanData>, post: P) -> Result<(), String>
    where
        P: AsyncFnOnce(Request<Vec<u8>>, Duration) -> Result<StatusCode, String>,
    {
        let request = request(otlp, gather::otlp(&self.resource, spans))?;
        let status = post(request, otlp.timeout.min(MOST_TIME)).await?;
        if status.is_success() { Ok(()) } else { Err(format!("the collector answered {status}")) }
    }

    /// How the exporters fare in this instance: others have counts of their own.
    pub(crate) fn exporters(&self) -> Vec<ExporterStatus> {
        let idle = |exporter, target| ExporterStatus {
            detail: Some(
                "Since this instance of the component began; each has counts of its own".to_owned(),
            ),
            ..ExporterStatus::idle("traces", exporter, target)
        };
        let otlp = self.otlp();
        let otlp = otlp.map(|otlp| self.attempts().status(idle("otlp", Some(otlp.target()))));
        let console = self.console.as_ref().map(|_| {
            let exported = self.printed.load(Ordering::Relaxed) as u64;
            let state = if exported > 0 { State::Ok } else { State::Idle };
            ExporterStatus { state, exported, ..idle("console", None) }
        });
        let mut all: Vec<_> = otlp.into_iter().chain(console).collect();
        if all.is_empty() {
            all.push(ExporterStatus::off("traces"));
        }
        all.extend(["metrics", "logs"].map(ExporterStatus::off));
        all
    }

    fn otlp(&self) -> Option<&Otlp> {
        goes_to(&self.config, Exporter::Otlp).then_some(&self.config.traces.otlp)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether spans go there.
fn goes_to(config: &Config, exporter: Exporter) -> bool {
    !config.disabled && config.traces.exporters.contains(&exporter)
}

fn request(otlp: &Otlp, body: Vec<u8>) -> Result<Request<Vec<u8>>, String> {
    if otlp.protocol == Protocol::Grpc {
        return Err("a component speaks http/protobuf, no gRPC".to_owned());
    }
    let mut request = Request::post(otlp.endpoint.clone())
        .header("content-type", "application/x-protobuf")
        .header("content-length", body.len());
    for (name, value) in &otlp.headers {
        request = request.header(name, value);
    }
    request.body(body).map_err(|error| error.to_string())
}

/// The scope of this instrumentation's spans.
fn scope() -> InstrumentationScope {
    opentelemetry_http_semconv::scope("component", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Span, Tracer};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;
    use tokio::runtime::Builder;

    use super::*;

    fn instance(variables: &[(&'static str, &'static str)]) -> Instance {
        Instance::from_variables(&variables.iter().copied().collect())
    }

    /// Ends `count` spans, exports them, and gives what was posted while the answer was `status`.
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
            StatusCode::from_u16(status).map_err(|error| error.to_string())
        });
        Builder::new_current_thread().build().expect("a runtime").block_on(export);
        posted
    }

    #[test]
    fn what_has_gathered_is_posted_once_and_in_little_time() {
        let instance = instance(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a"),
        ]);
        let (request, time) = exported(&instance, 2, 200).expect("a request");
        assert_eq!(request.uri(), "http://collector:1/v1/traces");
        assert_eq!(request.headers()["x-tenant"], "a");
        assert_eq!(request.headers()["content-length"], request.body().len().to_string());
        assert_eq!(time, MOST_TIME);
        let body = ExportTraceServiceRequest::decode(&**request.body()).expect("OTLP");
        assert_eq!(body.resource_spans[0].scope_spans[0].spans.len(), 2);
        assert!(exported(&instance, 0, 200).is_none(), "they were exported before");
        let status = &instance.exporters()[0];
        assert_eq!((status.state, status.exported, status.dropped), (State::Ok, 2, 0));
    }

    #[test]
    fn after_a_failure_nothing_is_tried_for_a_while() {
        let instance = instance(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "20")]);
        let (_, time) = exported(&instance, 1, 503).expect("a request");
        assert_eq!(time, Duration::from_millis(20));
        assert!(exported(&instance, 2, 200).is_none());
        let status = &instance.exporters()[0];
        assert_eq!((status.state, status.exported, status.dropped), (State::Failing, 0, 3));
        assert!(status.detail.as_deref().is_some_and(|detail| detail.contains("503")));
    }

    #[test]
    fn a_wrong_variable_costs_the_spans_and_no_more() {
        let instance = instance(&[("OTEL_TRACES_SAMPLER", "perhaps")]);
        let warning = &instance.config().warnings[0];
        assert!(warning.contains("no spans are made: OTEL_TRACES_SAMPLER"), "{warning}");
        assert!(exported(&instance, 1, 200).is_none());
        assert!(instance.exporters().iter().all(|status| status.state == State::Off));
        // A context that comes in still goes out, as it came.
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = Request::get("/").header("traceparent", parent).body(()).expect("a request");
        let mut call = Request::get("http://localhost/").body(()).expect("a request");
        let _current = instance.server_spans(false).start(&request.into_parts().0).attach();
        drop(instance.client_spans().start("http://localhost/", &mut call));
        assert_eq!(call.headers()["traceparent"], parent);
    }

    #[test]
    fn no_grpc_is_spoken() {
        let instance = instance(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert!(exported(&instance, 1, 200).is_none());
        assert_eq!(instance.exporters()[0].dropped, 1);
    }
}

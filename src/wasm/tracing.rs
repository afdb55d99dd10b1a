//! The server span of each request, by the same conventions as under Rocket.

use std::sync::Arc;

use http::HeaderValue;
use http::request::Parts;
use opentelemetry::global::BoxedTracer;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::noop::NoopTracer;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::trace::SdkTracerProvider;
use wstd::http::Response;

use super::export::Export;
use super::log::Logger;
use crate::conventions::propagation::RequestHeaders;
use crate::conventions::request::{
    CapturedHeader, Incoming, Named, Origin, captured, host_and_port,
};
use crate::conventions::response::{RouteName, failure, tell};
use crate::conventions::{self, Headers, KnownMethods, forwarded, traceresponse};
use crate::telemetry::{Config, Protocol, Variables, basics};

/// What starts, ends and exports the spans of an instance.
pub(super) struct Tracing {
    provider: SdkTracerProvider,
    tracer: BoxedTracer,
    export: Export,
    disabled: bool,
    trust_forwarded: bool,
    request_headers: Vec<CapturedHeader>,
    response_headers: Vec<CapturedHeader>,
    pub(super) propagator: Arc<TextMapCompositePropagator>,
    pub(super) known_methods: KnownMethods,
    pub(super) service_name: String,
}

impl Tracing {
    /// What the variables of the host ask for. A server would not start with a wrong one. An
    /// instance has no start to fail at but a request's, and answers matter more than spans.
    pub(super) fn from_env() -> Self {
        let config = config(&Variables::from_process()).unwrap_or_else(|error| {
            eprintln!("no spans are made: {error}");
            let off = [("OTEL_SDK_DISABLED", "true")].into_iter().collect();
            config(&off).unwrap_or_else(|error| unreachable!("the defaults are valid: {error}"))
        });
        Logger::install(config.log_level);
        config.warnings.iter().for_each(|warning| ::log::warn!("{warning}"));
        let trust = std::env::var("TRUST_FORWARDED_HEADERS").unwrap_or_default();
        let trust = forwarded::trust(&trust).unwrap_or_else(|error| {
            ::log::warn!("no forwarded header is believed: {error}");
            false
        });
        Self::new(config, trust)
    }

    fn new(config: Config, trust_forwarded: bool) -> Self {
        let resource = basics::resource(&config);
        let export = Export::new(&config, &resource);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(basics::sampler(&config))
            .with_span_limits(basics::span_limits(&config))
            .with_span_processor(export.processor())
            .build();
        Self {
            tracer: tracer(&provider, config.disabled, conventions::scope()),
            provider,
            export,
            disabled: config.disabled,
            trust_forwarded,
            request_headers: captured("http.request.header.", &config.request_headers),
            response_headers: captured("http.response.header.", &config.response_headers),
            propagator: Arc::new(basics::propagator(&config)),
            known_methods: config.known_methods,
            service_name: config.service_name,
        }
    }

    /// The tracer of a scope.
    pub(super) fn tracer(&self, scope: InstrumentationScope) -> BoxedTracer {
        tracer(&self.provider, self.disabled, scope)
    }

    /// How the spans' exporters fare.
    #[cfg(feature = "wasi-page")]
    pub(super) fn exporters(&self) -> Vec<crate::telemetry::ExporterStatus> {
        self.export.status()
    }

    /// The context in which a request is answered: its span's, or its client's if none is made.
    pub(super) fn start(&self, parts: &Parts) -> Context {
        let headers = &parts.headers;
        let incoming = RequestHeaders::new(headers);
        let parent = self.propagator.extract_with_context(&Context::new(), &incoming);
        if self.disabled {
            return parent;
        }
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
        parent.with_span(self.tracer.build_with_context(builder, &parent))
    }

    /// Tells the client its trace, ends the request's span, and sends all its spans out, once the
    /// answer is on its way.
    pub(super) fn end<T>(
        &'static self,
        cx: &Context,
        parts: &Parts,
        template: Option<&'static str>,
        response: &mut Response<T>,
    ) {
        if self.disabled {
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
        self.export.send();
    }
}

/// `wasi:http` has no trailers that gRPC could do with.
fn config(variables: &Variables) -> Result<Config, crate::telemetry::ConfigError> {
    Config::with_protocol(variables, Protocol::HttpProtobuf)
}

/// A tracer of a disabled SDK would put ids of its own in place of the caller's. The API's hands on
/// what came.
fn tracer(
    provider: &SdkTracerProvider,
    disabled: bool,
    scope: InstrumentationScope,
) -> BoxedTracer {
    if disabled {
        return BoxedTracer::new(Box::new(NoopTracer::new()));
    }
    BoxedTracer::new(Box::new(provider.tracer_with_scope(scope)))
}

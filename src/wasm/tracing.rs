//! The server span of each request, by the same conventions as under Rocket.

use std::sync::Arc;

use http::request::Parts;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use wstd::http::HeaderMap;

use super::export::Export;
use super::log::Logger;
use crate::conventions::propagation::RequestHeaders;
use crate::conventions::request::{
    CapturedHeader, Incoming, Named, Origin, captured, host_and_port,
};
use crate::conventions::response::{RouteName, failure, span_name, tell};
use crate::conventions::{Headers, KnownMethods, traceresponse};
use crate::telemetry::{Config, Protocol, Variables, basics};

/// What starts, ends and exports the spans of an instance.
pub(super) struct Tracing {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: Arc<TextMapCompositePropagator>,
    export: Export,
    disabled: bool,
    known_methods: KnownMethods,
    request_headers: Vec<CapturedHeader>,
    response_headers: Vec<CapturedHeader>,
    service_name: String,
}

impl Tracing {
    /// What the `OTEL_*` variables of the host ask for.
    pub(super) fn from_env() -> Self {
        let config = match Config::with_protocol(&Variables::from_process(), HTTP) {
            Ok(config) => config,
            Err(error) => {
                // A server would not start. An instance has no start to fail at but a request's,
                // and answers matter more than spans.
                eprintln!("no spans are made: {error}");
                let off: Variables = [("OTEL_SDK_DISABLED", "true")].into_iter().collect();
                match Config::with_protocol(&off, HTTP) {
                    Ok(config) => config,
                    Err(error) => unreachable!("the defaults are valid: {error}"),
                }
            }
        };
        Logger::install(config.log_level);
        config.warnings.iter().for_each(|warning| ::log::warn!("{warning}"));
        Self::new(config)
    }

    fn new(config: Config) -> Self {
        let resource = basics::resource(&config);
        let export = Export::new(&config, &resource);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(basics::sampler(&config))
            .with_span_limits(basics::span_limits(&config))
            .with_span_processor(export.buffer())
            .build();
        let scope = InstrumentationScope::builder("rocket_otel_demo::instrument")
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(opentelemetry_semantic_conventions::SCHEMA_URL)
            .build();
        Self {
            tracer: provider.tracer_with_scope(scope),
            provider,
            propagator: Arc::new(basics::propagator(&config)),
            export,
            disabled: config.disabled,
            request_headers: captured("http.request.header.", &config.request_headers),
            response_headers: captured("http.response.header.", &config.response_headers),
            known_methods: config.known_methods,
            service_name: config.service_name,
        }
    }

    pub(super) fn service_name(&self) -> &str {
        &self.service_name
    }

    pub(super) fn known_methods(&self) -> &KnownMethods {
        &self.known_methods
    }

    /// A tracer for what is not the server's own.
    pub(super) fn tracer(&self, scope: &'static str) -> SdkTracer {
        let scope = InstrumentationScope::builder(scope).with_version(env!("CARGO_PKG_VERSION"));
        self.provider.tracer_with_scope(scope.build())
    }

    /// The tracer of server and client spans.
    pub(super) fn own_tracer(&self) -> SdkTracer {
        self.tracer.clone()
    }

    /// What hands contexts on.
    pub(super) fn propagator(&self) -> Arc<TextMapCompositePropagator> {
        self.propagator.clone()
    }

    /// The context in which a request is answered: its span's, or its client's if none is made.
    pub(super) fn start(&self, parts: &Parts) -> Context {
        let headers = &parts.headers;
        let incoming = RequestHeaders::new(headers);
        let parent = self.propagator.extract_with_context(&Context::new(), &incoming);
        if self.disabled {
            return parent;
        }
        let method = parts.method.as_str();
        let known = self.known_methods.contains(method);
        let named = Named {
            method: if known { method.to_owned().into() } else { "_OTHER".into() },
            original: (!known).then_some(method),
        };
        let authority = parts.uri.authority().map(|authority| host_and_port(authority.as_str()));
        let request = Incoming {
            scheme: if parts.uri.scheme_str() == Some("https") { "https" } else { "http" },
            host: authority,
            local: None,
            peer: None,
            path: parts.uri.path(),
            query: parts.uri.query(),
            user_agent: headers.first("User-Agent"),
        };
        let origin = Origin::of(request, headers, false);
        let builder = origin.span(&named, headers, &self.request_headers);
        parent.with_span(self.tracer.build_with_context(builder, &parent))
    }

    /// What tells the client its trace, if there is one of ours.
    pub(super) fn traceresponse(&self, cx: &Context) -> Option<String> {
        (!self.disabled).then(|| traceresponse(cx.span().span_context()))
    }

    /// Ends a request's span, and sends all its spans out, once the answer is on its way.
    pub(super) fn end(
        &'static self,
        cx: &Context,
        parts: &Parts,
        template: Option<&'static str>,
        status: u16,
        headers: &HeaderMap,
    ) {
        if self.disabled {
            return;
        }
        let span = cx.span();
        let method = parts.method.as_str();
        let method = if self.known_methods.contains(method) { method } else { "_OTHER" };
        let route = template.map(|template| RouteName {
            template: template.into(),
            span: span_name(method, template).into(),
        });
        span.set_attributes(self.response_headers.iter().filter_map(|h| h.attribute(headers)));
        tell(&span, status, route, failure(status));
        span.end();
        self.export.send();
    }
}

/// `wasi:http` has no trailers that gRPC could do with.
const HTTP: Protocol = Protocol::HttpProtobuf;

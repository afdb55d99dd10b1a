//! Ended spans that wait for their export, in a server without a thread that could export them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_autoconfigure::SpanLimits;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use prost::Message;

/// A span processor that keeps ended spans until they are taken.
#[derive(Clone)]
pub(crate) struct SpanBuffer {
    spans: Arc<Mutex<Vec<SpanData>>>,
    limits: SpanLimits,
}

impl SpanBuffer {
    pub(crate) fn new(limits: SpanLimits) -> Self {
        Self { spans: Arc::default(), limits }
    }

    /// Removes and returns the spans.
    pub(crate) fn take(&self) -> Vec<SpanData> {
        let mut spans =
            std::mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner));
        for span in &mut spans {
            self.limits.truncate(span);
        }
        spans
    }
}

/// A span processor must have it. Derived, it brings that of every type within a span.
impl fmt::Debug for SpanBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanBuffer")
    }
}

impl SpanProcessor for SpanBuffer {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.spans.lock().unwrap_or_else(PoisonError::into_inner).push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Encodes spans as an OTLP request. Scopes are compared by name, which is unique here: the
/// library's own function compares all of a scope, which is 15 KiB of sorting and hashing.
pub(crate) fn encode(resource: &ResourceAttributesWithSchema, spans: Vec<SpanData>) -> Vec<u8> {
    let mut scope_spans: Vec<ScopeSpans> = Vec::new();
    for span in spans {
        let scope = &span.instrumentation_scope;
        let same = |s: &ScopeSpans| s.scope.as_ref().is_some_and(|s| s.name == scope.name());
        let index = scope_spans.iter().position(same).unwrap_or_else(|| {
            scope_spans.push(ScopeSpans {
                scope: Some((scope, None).into()),
                schema_url: scope.schema_url().unwrap_or_default().to_owned(),
                spans: Vec::new(),
            });
            scope_spans.len() - 1
        });
        scope_spans[index].spans.push(span.into());
    }
    let resource_spans = vec![ResourceSpans {
        resource: Some(Resource {
            attributes: resource.attributes.0.clone(),
            ..Resource::default()
        }),
        scope_spans,
        schema_url: resource.schema_url.clone().unwrap_or_default(),
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

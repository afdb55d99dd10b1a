//! From ended spans to the collector: once a request, when the answer is on its way.
//!
//! A batch processor needs a thread and a life beyond the request; an instance has neither. Its
//! host waits for the export, and an instance that waits is one fewer to answer with: so there is
//! one try and no more, it is short, and after a failure there is none at all for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use prost::Message;
use wstd::future::FutureExt;
use wstd::http::{Client, Request};

use crate::telemetry::{Config, Exporter, Otlp, Protocol, basics::truncate};

/// What an export may take, whatever the variables say: at 1,000 requests a second a collector that
/// hangs then holds 150 instances. wasmtime has room for 333, of three modules each, by default.
const MOST_TIME: Duration = Duration::from_millis(150);

/// How long an instance tries no export after one has failed; twice as long after each that follows,
/// so that one slow moment costs few spans and an outage few tries.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The spans that have ended since the last export.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Buffer {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Where spans go.
pub(super) struct Export {
    buffer: Buffer,
    otlp: Option<Otlp>,
    console: Option<opentelemetry_stdout::SpanExporter>,
    resource: ResourceAttributesWithSchema,
    value_length: Option<usize>,
    outage: Mutex<Outage>,
    /// One line is enough for what every export would do wrong.
    told: AtomicBool,
}

#[derive(Default)]
struct Outage {
    /// No export before this time.
    until: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    lost: usize,
}

impl Export {
    pub(super) fn new(config: &Config, resource: &Resource) -> Self {
        let exporters = &config.traces.exporters;
        let otlp = exporters.contains(&Exporter::Otlp).then(|| config.traces.otlp.clone());
        let console = exporters.contains(&Exporter::Console).then(|| {
            let mut console = opentelemetry_stdout::SpanExporter::default();
            console.set_resource(resource);
            console
        });
        Self {
            buffer: Buffer::default(),
            otlp,
            console,
            resource: ResourceAttributesWithSchema::from(resource),
            value_length: config.limits.value_length,
            outage: Mutex::default(),
            told: AtomicBool::new(false),
        }
    }

    /// What gathers spans for this export.
    pub(super) fn buffer(&self) -> Buffer {
        self.buffer.clone()
    }

    /// Exports what has gathered, in a task of its own: the host gets the answer first, and keeps
    /// the instance until the task is done.
    pub(super) fn send(&'static self) {
        let mut spans =
            std::mem::take(&mut *self.buffer.0.lock().unwrap_or_else(PoisonError::into_inner));
        if spans.is_empty() {
            return;
        }
        if let Some(limit) = self.value_length {
            for span in &mut spans {
                truncate(span, limit);
            }
        }
        wstd::runtime::spawn(async move {
            if let Some(console) = &self.console {
                // It prints, and cannot fail.
                let _ = console.export(spans.clone()).await;
            }
            if let Some(otlp) = &self.otlp {
                self.send_otlp(otlp, spans).await;
            }
        })
        .detach();
    }

    async fn send_otlp(&self, otlp: &Otlp, spans: Vec<SpanData>) {
        let count = spans.len();
        if self.paused() {
            self.outage.lock().unwrap_or_else(PoisonError::into_inner).lost += count;
            return;
        }
        let resource_spans = vec![self.resource_spans(spans)];
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let result = match post(otlp, body).timeout(timeout(otlp)).await {
            Ok(result) => result,
            Err(_) => Err("no answer in time".to_owned()),
        };
        self.note(result, count);
    }

    /// By scope, whose names differ in this program: to compare all of a scope, as the library's own
    /// function does, is 15 KiB of sorting and hashing.
    fn resource_spans(&self, spans: Vec<SpanData>) -> ResourceSpans {
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
        let attributes = self.resource.attributes.0.clone();
        ResourceSpans {
            resource: Some(OtlpResource { attributes, ..OtlpResource::default() }),
            scope_spans,
            schema_url: self.resource.schema_url.clone().unwrap_or_default(),
        }
    }

    fn paused(&self) -> bool {
        let outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        outage.until.is_some_and(|until| Instant::now() < until)
    }

    /// One line when an outage is seen for the second time, and one when it ends. At the first time
    /// an instance may be one of thousands, each of which serves one request.
    fn note(&self, result: Result<(), String>, count: usize) {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                if self.told.swap(false, Ordering::Relaxed) {
                    log::info!("spans are exported again; {} were lost", outage.lost);
                }
                *outage = Outage::default();
            }
            Err(error) => {
                outage.lost += count;
                if outage.failures > 0 && !self.told.swap(true, Ordering::Relaxed) {
                    log::warn!("spans are not exported: {error}; {} lost so far", outage.lost);
                } else {
                    log::debug!("spans are not exported: {error}; {count} lost");
                }
                // Past 2^10 the longest pause counts in any case.
                let pause = PAUSE * 2_u32.pow(outage.failures.min(10));
                outage.failures += 1;
                outage.until = Some(Instant::now() + pause.min(LONGEST_PAUSE));
            }
        }
    }
}

fn timeout(otlp: &Otlp) -> wstd::time::Duration {
    otlp.timeout.min(MOST_TIME).into()
}

async fn post(otlp: &Otlp, body: Vec<u8>) -> Result<(), String> {
    if otlp.protocol == Protocol::Grpc {
        return Err("a component speaks http/protobuf, no gRPC".to_owned());
    }
    let length = body.len();
    let mut request = Request::post(otlp.endpoint.clone())
        .header("content-type", "application/x-protobuf")
        .header("content-length", length);
    for (name, value) in &otlp.headers {
        request = request.header(name, value);
    }
    let request = request.body(body).map_err(|error| error.to_string())?;
    let response = Client::new().send(request).await.map_err(|error| format!("{error:#}"))?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("the collector answered {status}")) }
}

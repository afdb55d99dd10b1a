//! From ended spans to the collector: once a request, when the answer is on its way.
//!
//! A batch processor needs a thread and a life beyond the request; an instance has neither. Its
//! host waits for the export, and an instance that waits is one fewer to answer with: so there is
//! one try and no more, and it is short.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use wstd::future::FutureExt;
use wstd::http::{Client, Request};

use crate::telemetry::attempts::Attempts;
use crate::telemetry::gather::{self, Gathered};
use crate::telemetry::{Config, Exporter, Otlp, Protocol};
#[cfg(feature = "wasi-page")]
use crate::telemetry::{ExporterStatus, State};

/// What an export may take, whatever the variables say: at 1,000 requests a second a collector that
/// hangs then holds 150 instances. wasmtime has room for 333, of three modules each, by default.
const MOST_TIME: Duration = Duration::from_millis(150);

/// Where spans go.
pub(super) struct Export {
    gathered: Gathered,
    otlp: Option<Otlp>,
    console: Option<opentelemetry_stdout::SpanExporter>,
    printed: AtomicUsize,
    resource: ResourceAttributesWithSchema,
    attempts: Mutex<Attempts>,
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
            gathered: Gathered::new(config.limits.value_length),
            otlp,
            console,
            printed: AtomicUsize::new(0),
            resource: ResourceAttributesWithSchema::from(resource),
            attempts: Mutex::default(),
        }
    }

    /// What gathers spans for this export.
    pub(super) fn processor(&self) -> Gathered {
        self.gathered.clone()
    }

    /// Exports what has gathered, in a task of its own: the host gets the answer first, and keeps
    /// the instance until the task is done.
    pub(super) fn send(&'static self) {
        let spans = self.gathered.take();
        if spans.is_empty() {
            return;
        }
        wstd::runtime::spawn(async move {
            if let Some(console) = &self.console {
                // It prints, and cannot fail.
                let _ = console.export(spans.clone()).await;
                self.printed.fetch_add(spans.len(), Ordering::Relaxed);
            }
            if let Some(otlp) = &self.otlp {
                self.send_otlp(otlp, spans).await;
            }
        })
        .detach();
    }

    async fn send_otlp(&self, otlp: &Otlp, spans: Vec<SpanData>) {
        let count = spans.len();
        if !self.attempts().may_try(Instant::now(), count) {
            return;
        }
        let resource_spans = vec![gather::otlp(&self.resource, spans)];
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let time = wstd::time::Duration::from(otlp.timeout.min(MOST_TIME));
        let result = match post(otlp, body).timeout(time).await {
            Ok(result) => result,
            Err(_) => Err("no answer in time".to_owned()),
        };
        self.attempts().ended(result, Instant::now(), count);
    }

    /// How the exporters fare in this instance: others have counts of their own.
    #[cfg(feature = "wasi-page")]
    pub(super) fn status(&self) -> Vec<ExporterStatus> {
        let idle = |exporter, target| ExporterStatus {
            detail: Some(
                "Since this instance of the component began; each has counts of its own".to_owned(),
            ),
            ..ExporterStatus::idle("traces", exporter, target)
        };
        let otlp = self.otlp.as_ref();
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
        all
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

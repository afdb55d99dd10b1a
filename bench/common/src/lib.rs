//! What all peers share: the answer, the port, and the SDK as its own documentation sets it up.

use opentelemetry::global;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::signal::unix::{SignalKind, signal};

/// The product's own, for all alike: figures compare instrumentations, not allocators.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The answer of `GET /health`, byte for byte the same from every server.
pub const HEALTH: &str = r#"{"status":"healthy"}"#;

/// The port to listen on, on the loopback address.
pub fn port() -> u16 {
    let port = std::env::var("PORT").expect("PORT says where to listen");
    port.parse().expect("PORT is a port")
}

/// Waits for SIGTERM, by which the driver ends a server.
pub async fn terminated() {
    let mut term = signal(SignalKind::terminate()).expect("signals can be had");
    term.recv().await;
}

/// The SDK's own batch processor and periodic reader, exporting by OTLP over gRPC: the settings
/// are the SDK's defaults but for what `OTEL_*` variables say.
pub struct Otel {
    pub traces: SdkTracerProvider,
    pub metrics: SdkMeterProvider,
}

impl Otel {
    /// Makes the providers and makes them global. It wants a tokio runtime around it.
    pub fn install() -> Self {
        let spans = SpanExporter::builder().with_tonic().build().expect("an exporter of spans");
        let metrics = MetricExporter::builder().with_tonic().build().expect("one of metrics");
        let traces = SdkTracerProvider::builder().with_batch_exporter(spans).build();
        let metrics = SdkMeterProvider::builder().with_periodic_exporter(metrics).build();
        global::set_tracer_provider(traces.clone());
        global::set_meter_provider(metrics.clone());
        global::set_text_map_propagator(TraceContextPropagator::new());
        Self { traces, metrics }
    }

    /// Exports what is left.
    pub async fn shutdown(self) {
        // It blocks, and the exporter needs the runtime's threads.
        let _ = tokio::task::spawn_blocking(move || {
            let _ = self.traces.shutdown();
            let _ = self.metrics.shutdown();
        })
        .await;
    }
}

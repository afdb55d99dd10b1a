//! What all servers share: the response, the port, and the SDK as its documentation sets it up.

use opentelemetry::global;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::signal::unix::{SignalKind, signal};

/// The allocator of the demo, for all: the results compare instrumentation, not allocators.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The response to `GET /health`, the same from every server.
pub const HEALTH: &str = r#"{"status":"healthy"}"#;

/// The port to listen on, on the loopback address.
pub fn port() -> u16 {
    let port = std::env::var("PORT").expect("PORT is set");
    port.parse().expect("PORT is a port")
}

/// Waits for SIGTERM, which the driver sends at the end.
pub async fn terminated() {
    let mut term = signal(SignalKind::terminate()).expect("a signal handler");
    term.recv().await;
}

/// The SDK's own batch processor and periodic reader with OTLP over gRPC, and the SDK's defaults for
/// everything that no `OTEL_*` variable sets.
pub struct Otel {
    pub traces: SdkTracerProvider,
    pub metrics: SdkMeterProvider,
}

impl Otel {
    /// Creates the providers and makes them global. Must run within a tokio runtime.
    pub fn install() -> Self {
        let spans = SpanExporter::builder().with_tonic().build().expect("a span exporter");
        let metrics = MetricExporter::builder().with_tonic().build().expect("a metric exporter");
        let traces = SdkTracerProvider::builder().with_batch_exporter(spans).build();
        let metrics = SdkMeterProvider::builder().with_periodic_exporter(metrics).build();
        global::set_tracer_provider(traces.clone());
        global::set_meter_provider(metrics.clone());
        global::set_text_map_propagator(TraceContextPropagator::new());
        Self { traces, metrics }
    }

    /// Exports the rest.
    pub async fn shutdown(self) {
        // Shutdown blocks, and the exporter needs the runtime's threads.
        let _ = tokio::task::spawn_blocking(move || {
            let _ = self.traces.shutdown();
            let _ = self.metrics.shutdown();
        })
        .await;
    }
}

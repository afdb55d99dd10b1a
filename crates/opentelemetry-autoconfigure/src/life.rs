//! The life of the server's telemetry: built, installed, flushed and shut down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{InstrumentationScope, global};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, TracerProviderBuilder};

use super::background::{Background, within};
use super::config::Config;
use super::outage::Health;
use super::pipeline::{SpanListener, SpanPipeline};
use super::providers::Customizer;
use super::status::{ExporterStatus, State};
use super::{basics, logging, own_metrics, providers};

/// What a shutdown may take for all signals together. Orchestrators kill after 10 s or more; a
/// person at a terminal gives up sooner.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// The providers of the three signals and what stands behind them.
#[derive(Debug)]
pub struct Telemetry {
    config: Config,
    tracer_provider: SdkTracerProvider,
    meter_provider: SdkMeterProvider,
    logger_provider: Option<SdkLoggerProvider>,
    pipeline: SpanPipeline,
    healths: Vec<Arc<Health>>,
    // Last, so that it outlives what runs on it.
    background: Background,
}

/// Builds a [`Telemetry`].
pub struct TelemetryBuilder {
    config: Config,
    listeners: Vec<Arc<dyn SpanListener>>,
    customize: Customizer,
}

impl TelemetryBuilder {
    /// The configuration that this builds from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Adds a listener that receives every recorded span in batches.
    #[must_use]
    pub fn with_span_listener(mut self, listener: Arc<dyn SpanListener>) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Customizes the tracer provider, for example by another span processor.
    #[must_use]
    pub fn customize_tracer_provider(
        mut self,
        customize: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder + 'static,
    ) -> Self {
        let before = self.customize;
        self.customize = Box::new(|builder| customize(before(builder)));
        self
    }

    /// Makes providers and exporters, and touches nothing global.
    ///
    /// # Errors
    /// A certificate or key that cannot be read or used, or no thread for the telemetry.
    pub fn build(self) -> anyhow::Result<Telemetry> {
        Telemetry::build_with(self)
    }
}

impl Telemetry {
    /// Makes providers and exporters, and touches nothing global.
    ///
    /// # Errors
    /// A certificate or key that cannot be read or used, or no thread for the telemetry.
    pub fn build(config: Config) -> anyhow::Result<Self> {
        Self::builder(config).build()
    }

    /// A builder, for an application that adds listeners or customizes the tracer provider.
    #[must_use]
    pub fn builder(config: Config) -> TelemetryBuilder {
        TelemetryBuilder { config, listeners: Vec::new(), customize: Box::new(|builder| builder) }
    }

    fn build_with(
        TelemetryBuilder { config, listeners, customize }: TelemetryBuilder,
    ) -> anyhow::Result<Self> {
        crate::tls::install_default();
        let background = Background::start().context("no thread for the telemetry")?;
        // Channels and timers of the exporters belong to the telemetry's runtime.
        let entered = background.handle().enter();
        let resource = basics::resource(&config);
        let mut healths = Vec::new();
        let pipeline = providers::span_pipeline(&config, &resource, &background, listeners)?;
        let tracer_provider = providers::tracer(&config, &resource, &pipeline, customize);
        let meter_provider = providers::meter(&config, &resource, &background, &mut healths)?;
        let logger_provider = providers::logger(&config, &resource, &background, &mut healths)?;
        drop(entered);
        let meter = meter_provider.meter_with_scope(own_metrics::scope());
        own_metrics::observe(&meter, pipeline.lanes());
        Ok(Self {
            config,
            tracer_provider,
            meter_provider,
            logger_provider,
            pipeline,
            healths,
            background,
        })
    }

    /// Makes these the global providers, propagator and logger.
    ///
    /// # Errors
    /// The process has a logger already.
    pub fn install(&self) -> anyhow::Result<()> {
        if !self.config.disabled {
            global::set_tracer_provider(self.tracer_provider.clone());
            global::set_meter_provider(self.meter_provider.clone());
        }
        global::set_text_map_propagator(self.propagator());
        let logger = logging::Logger::new(self.config.log_level, self.logger_provider.as_ref());
        logger.install().context("the process has a logger already")?;
        self.config.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        Ok(())
    }

    /// A tracer of this telemetry.
    #[must_use]
    pub fn tracer(&self, scope: InstrumentationScope) -> SdkTracer {
        self.tracer_provider.tracer_with_scope(scope)
    }

    /// A meter of this telemetry.
    #[must_use]
    pub fn meter(&self, scope: InstrumentationScope) -> Meter {
        self.meter_provider.meter_with_scope(scope)
    }

    /// The propagators that `OTEL_PROPAGATORS` names.
    #[must_use]
    pub fn propagator(&self) -> TextMapCompositePropagator {
        basics::propagator(&self.config)
    }

    /// What this telemetry was built from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Moves every span that has ended so far to the listeners and the exporters' queues.
    pub fn deliver(&self) {
        self.pipeline.hand_on();
    }

    /// How each exporter fares; a signal without one is shown as off.
    #[must_use]
    pub fn exporters(&self) -> Vec<ExporterStatus> {
        let spans = self.pipeline.lanes().iter().map(|lane| lane.health.status());
        let others = self.healths.iter().map(|health| health.status());
        let all: Vec<_> = spans.chain(others).collect();
        let mut shown = Vec::new();
        for signal in ["traces", "metrics", "logs"] {
            let before = shown.len();
            shown.extend(all.iter().filter(|status| status.signal == signal).cloned());
            if shown.len() == before {
                shown.push(ExporterStatus::off(signal));
            }
        }
        shown
    }

    /// Exports everything that is there, and waits for it.
    ///
    /// It blocks: from async code, call it in `spawn_blocking`.
    ///
    /// # Errors
    /// Something could not be exported, and why. Spans that a backend may still take stay queued.
    pub fn flush(&self) -> anyhow::Result<()> {
        // Each signal is flushed, whatever became of those before it; the first error is told.
        let traces = self.tracer_provider.force_flush();
        let metrics = self.meter_provider.force_flush();
        let logs = self.logger_provider.as_ref().map_or(Ok(()), SdkLoggerProvider::force_flush);
        Ok(traces.and(metrics).and(logs)?)
    }

    /// Exports what is left, within [`SHUTDOWN_TIMEOUT`], and tells how each exporter ended.
    ///
    /// It blocks: from async code, call it in `spawn_blocking`.
    #[must_use = "it tells what was lost"]
    pub fn shutdown(&self) -> Vec<ExporterStatus> {
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        // All signals at once: one that hangs takes no time from the others. What went wrong is
        // in each exporter's status.
        let metrics = self.meter_provider.clone();
        let metrics =
            std::thread::spawn(move || within(SHUTDOWN_TIMEOUT, move || metrics.shutdown()));
        let logs = self.logger_provider.clone();
        let logs = std::thread::spawn(move || {
            within(SHUTDOWN_TIMEOUT, move || logs.map(|provider| provider.shutdown()))
        });
        let left = deadline.saturating_duration_since(Instant::now());
        let _ = self.tracer_provider.shutdown_with_timeout(left);
        let _ = (metrics.join(), logs.join());
        self.healths.iter().for_each(|health| health.settle());
        self.exporters().into_iter().filter(|status| status.state != State::Off).collect()
    }

    /// The runtime on which telemetry does its work.
    #[must_use]
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.background.handle()
    }
}

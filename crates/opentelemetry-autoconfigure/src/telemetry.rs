//! The life of the telemetry: built, installed, flushed and shut down.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use log::SetLoggerError;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{InstrumentationScope, global};
use opentelemetry_appender_log::OpenTelemetryLogBridge;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, TracerProviderBuilder};

use super::config::Config;
use super::export_runtime::{ExportRuntime, run_blocking};
use super::logging::Logger;
use super::providers::Providers;
use super::sdk_metrics;
use super::signal::Signal;
use super::span_processor::{BufferingSpanProcessor, SpanListener};
use super::stats::{ExporterStats, ExporterStatus, State};
use super::timestamp::timestamp;

/// The limit of a shutdown, for all signals together. Orchestrators kill after 10 s or more; a
/// person at a terminal gives up sooner.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// The crates of the exporters' transport, whose records below a warning are for debugging.
const TRANSPORT: [&str; 8] =
    ["h2", "hyper", "hyper_util", "opentelemetry", "reqwest", "rustls", "tonic", "tower"];

/// Why telemetry cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The operating system has no thread for the exports.
    #[error("cannot start a thread for telemetry")]
    Thread(#[source] io::Error),
    /// The settings of an exporter cannot be used, for example a certificate.
    #[error("cannot build the OTLP exporter of {signal}")]
    Exporter {
        /// The signal.
        signal: Signal,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The providers of the three signals and their exporters.
#[derive(Debug)]
pub struct Telemetry {
    config: Config,
    tracer_provider: SdkTracerProvider,
    meter_provider: SdkMeterProvider,
    logger_provider: Option<SdkLoggerProvider>,
    span_processor: BufferingSpanProcessor,
    stats: Vec<Arc<ExporterStats>>,
    // Last, so that it outlives everything that runs on it.
    _runtime: ExportRuntime,
}

/// Builds a [`Telemetry`].
#[derive(Debug)]
pub struct TelemetryBuilder {
    config: Config,
    listeners: Vec<Arc<dyn SpanListener>>,
    tracer_provider: TracerProviderBuilder,
}

impl TelemetryBuilder {
    /// The configuration to build from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Adds a listener that receives every recorded span.
    #[must_use]
    pub fn with_span_listener(mut self, listener: Arc<dyn SpanListener>) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Customizes the tracer provider, for example with another span processor.
    #[must_use]
    pub fn customize_tracer_provider(
        mut self,
        customize: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder,
    ) -> Self {
        self.tracer_provider = customize(self.tracer_provider);
        self
    }

    /// Builds providers and exporters. Nothing global changes.
    ///
    /// # Errors
    /// The thread for the exports cannot be started, or the settings of an exporter are invalid.
    pub fn build(self) -> Result<Telemetry, BuildError> {
        let Self { config, listeners, tracer_provider } = self;
        let runtime = ExportRuntime::start().map_err(BuildError::Thread)?;
        let handle = runtime.handle().clone();
        // The exporters' connections and timers belong to the export runtime.
        let _entered = handle.enter();
        let resource = config.resource();
        let mut providers =
            Providers { config: &config, resource: &resource, handle: &handle, stats: Vec::new() };
        let span_processor = providers.span_processor(listeners)?;
        let meter_provider = providers.meter_provider()?;
        let logger_provider = providers.logger_provider()?;
        let stats = providers.stats;
        let tracer_provider = tracer_provider.with_span_processor(span_processor.clone()).build();
        let meter = meter_provider.meter_with_scope(sdk_metrics::scope());
        sdk_metrics::observe(&meter, span_processor.workers());
        Ok(Telemetry {
            config,
            tracer_provider,
            meter_provider,
            logger_provider,
            span_processor,
            stats,
            _runtime: runtime,
        })
    }
}

impl Telemetry {
    /// Builds providers and exporters. Nothing global changes.
    ///
    /// # Errors
    /// As [`TelemetryBuilder::build`].
    pub fn build(config: Config) -> Result<Self, BuildError> {
        Self::builder(config).build()
    }

    /// A builder, for an application that adds listeners or customizes the tracer provider.
    #[must_use]
    pub fn builder(config: Config) -> TelemetryBuilder {
        let tracer_provider = SdkTracerProvider::builder()
            .with_resource(config.resource())
            .with_sampler(config.sampler())
            .with_span_limits(config.span_limits.counts);
        TelemetryBuilder { config, listeners: Vec::new(), tracer_provider }
    }

    /// Installs the providers, the propagator and the logger.
    ///
    /// # Errors
    /// The process has a logger.
    pub fn install(&self) -> Result<(), SetLoggerError> {
        self.install_providers();
        self.install_propagator();
        self.install_logger(self.logger())
    }

    /// Makes the tracer and meter providers the global ones, unless the SDK is disabled.
    pub fn install_providers(&self) {
        if !self.config.disabled {
            global::set_tracer_provider(self.tracer_provider.clone());
            global::set_meter_provider(self.meter_provider.clone());
        }
    }

    /// Makes the propagators of `OTEL_PROPAGATORS` the global ones, also if the SDK is disabled.
    pub fn install_propagator(&self) {
        global::set_text_map_propagator(self.propagator());
    }

    /// A logger at the level of `OTEL_LOG_LEVEL`: to stderr with timestamps, and to the exporters of
    /// `OTEL_LOGS_EXPORTER`. An application can adapt it before it
    /// [installs](Self::install_logger) it.
    #[must_use]
    pub fn logger(&self) -> Logger {
        let logger = Logger::new(self.config.log_level)
            .quiet(&TRANSPORT)
            .with_prefix(|| timestamp(SystemTime::now()));
        match &self.logger_provider {
            // The bridge adds the ids of the current span.
            Some(provider) => logger.with_exporter(OpenTelemetryLogBridge::new(provider)),
            None => logger,
        }
    }

    /// Makes a logger that of the process, and logs the configuration's warnings.
    ///
    /// # Errors
    /// The process has a logger.
    pub fn install_logger(&self, logger: Logger) -> Result<(), SetLoggerError> {
        logger.install()?;
        self.config.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        Ok(())
    }

    /// The tracer provider.
    #[must_use]
    pub fn tracer_provider(&self) -> &SdkTracerProvider {
        &self.tracer_provider
    }

    /// The meter provider.
    #[must_use]
    pub fn meter_provider(&self) -> &SdkMeterProvider {
        &self.meter_provider
    }

    /// The logger provider; `None` if no exporter wants log records.
    #[must_use]
    pub fn logger_provider(&self) -> Option<&SdkLoggerProvider> {
        self.logger_provider.as_ref()
    }

    /// A tracer of a scope.
    #[must_use]
    pub fn tracer(&self, scope: InstrumentationScope) -> SdkTracer {
        self.tracer_provider.tracer_with_scope(scope)
    }

    /// A meter of a scope.
    #[must_use]
    pub fn meter(&self, scope: InstrumentationScope) -> Meter {
        self.meter_provider.meter_with_scope(scope)
    }

    /// The propagators of `OTEL_PROPAGATORS`.
    #[must_use]
    pub fn propagator(&self) -> TextMapCompositePropagator {
        self.config.propagator()
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Delivers every span that has ended to the listeners and the exporters' queues.
    pub fn deliver_spans(&self) {
        self.span_processor.deliver();
    }

    /// The status of each exporter, and of each signal without one.
    #[must_use]
    pub fn exporter_status(&self) -> Vec<ExporterStatus> {
        self.stats.iter().map(|stats| stats.status()).collect()
    }

    /// Exports everything that is pending, and waits for it.
    ///
    /// It blocks: call it in `spawn_blocking` from async code.
    ///
    /// # Errors
    /// The first export that failed. Spans that a backend may accept later stay queued.
    pub fn flush(&self) -> OTelSdkResult {
        // Each signal is flushed, whatever the result of the others.
        let traces = self.tracer_provider.force_flush();
        let metrics = self.meter_provider.force_flush();
        let logs = self.logger_provider.as_ref().map_or(Ok(()), SdkLoggerProvider::force_flush);
        traces.and(metrics).and(logs)
    }

    /// Exports everything that is pending within [`SHUTDOWN_TIMEOUT`], and returns the final
    /// status of each exporter.
    ///
    /// It blocks: call it in `spawn_blocking` from async code.
    #[must_use = "it says what was lost"]
    pub fn shutdown(&self) -> Vec<ExporterStatus> {
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        // All signals at once: one that hangs takes no time from the others. Their errors are in
        // the status of each exporter.
        let left = || deadline.saturating_duration_since(Instant::now());
        let (metrics, logs) = (self.meter_provider.clone(), self.logger_provider.clone());
        let metrics = run_blocking(move || metrics.shutdown());
        let logs = run_blocking(move || logs.map(|provider| provider.shutdown()));
        let _ = self.tracer_provider.shutdown_with_timeout(left());
        let _ = (metrics.recv_timeout(left()), logs.recv_timeout(left()));
        self.stats.iter().for_each(|stats| stats.settle());
        self.exporter_status().into_iter().filter(|status| status.state != State::Off).collect()
    }
}

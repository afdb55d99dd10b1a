//! The SDK: providers are born, flushed and shut down here, and nowhere else.
//!
//! [`Config::from_variables`] reads the `OTEL_*` variables, [`Telemetry::build`] makes the
//! providers, [`Telemetry::install`] makes them the global ones, and [`Telemetry::shutdown`] tells
//! what could not be exported. Building is apart from installing, so that tests have pipelines of
//! their own and never touch what is global.

mod background;
mod config;
mod exporters;
mod lane;
mod logging;
mod outage;
mod partial;
mod pipeline;
mod recent;
mod variables;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{InstrumentationScope, KeyValue, global};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider, SimpleLogProcessor,
};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, SpanLimits, SpanProcessor};
use opentelemetry_semantic_conventions::resource as semconv;

pub use config::{
    Batching, Config, ConfigError, DEFAULT_SERVICE_NAME, Exporter, Limits, Otlp, Propagator,
    Protocol, Root, Sampling, Signal, Temporality,
};
pub use outage::{ExporterStatus, State};
pub use recent::{RecentTrace, RecentTraces};
pub use variables::{VARIABLES, Variable, Variables, help};

use background::{Background, within};
use exporters::Watched;
use lane::Lane;
use outage::Health;
use pipeline::SpanPipeline;

/// How long the console's spans may wait: who watches them wants them at once.
const CONSOLE_DELAY: Duration = Duration::from_millis(100);

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

impl Telemetry {
    /// Makes providers and exporters, and touches nothing global.
    ///
    /// # Errors
    /// A certificate or key that cannot be read or used, or no thread for the telemetry.
    pub fn build(config: Config) -> anyhow::Result<Self> {
        Self::build_with(config, Vec::new())
    }

    /// As [`build`](Self::build), with more span processors, such as a test's.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_with(
        config: Config,
        processors: Vec<Box<dyn SpanProcessor>>,
    ) -> anyhow::Result<Self> {
        install_crypto();
        let background = Background::start().context("no thread for the telemetry")?;
        // Channels and timers of the exporters belong to the telemetry's runtime.
        let _entered = background.handle().enter();
        let resource = resource(&config);
        let mut healths = Vec::new();
        let pipeline = span_pipeline(&config, &resource, &background)?;
        let tracer_provider = tracer_provider(&config, &resource, &pipeline, processors);
        let meter_provider = meter_provider(&config, &resource, &background, &mut healths)?;
        let logger_provider = logger_provider(&config, &resource, &background, &mut healths)?;
        drop(_entered);
        let meter_provider = meter_provider.build();
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
        let propagators = self.config.propagators.iter();
        TextMapCompositePropagator::new(
            propagators
                .map(|propagator| -> Box<dyn TextMapPropagator + Send + Sync> {
                    match propagator {
                        Propagator::TraceContext => Box::new(TraceContextPropagator::new()),
                        Propagator::Baggage => Box::new(BaggagePropagator::new()),
                    }
                })
                .collect(),
        )
    }

    /// What this telemetry was built from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The recent traces, up to the last span that has ended; `None` if they are switched off.
    #[must_use]
    pub fn recent(&self) -> Option<&Arc<RecentTraces>> {
        self.pipeline.recent()
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
                let off = Health::new(signal, "none", None).status();
                shown.push(ExporterStatus { state: State::Off, ..off });
            }
        }
        shown
    }

    /// Exports everything that is there, and waits for it.
    ///
    /// It blocks: from async code, call it in `spawn_blocking`.
    ///
    /// # Errors
    /// What could not be exported stays queued; the error tells why.
    pub fn flush(&self) -> anyhow::Result<()> {
        self.tracer_provider.force_flush()?;
        self.meter_provider.force_flush()?;
        if let Some(provider) = &self.logger_provider {
            provider.force_flush()?;
        }
        Ok(())
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
        self.exporters().into_iter().filter(|status| status.state != State::Off).collect()
    }

    /// The runtime on which telemetry does its work.
    #[must_use]
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.background.handle()
    }
}

/// Makes ring the TLS of every client of this process, unless it has chosen already.
pub fn install_crypto() {
    // An error says that there is one, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn resource(config: &Config) -> Resource {
    let given = config.resource.iter();
    let given = given.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    // Later attributes win: the version is a default, as the name is already.
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new(semconv::SERVICE_VERSION, env!("CARGO_PKG_VERSION")))
        .with_attributes(given)
        .with_service_name(config.service_name.clone())
        .build()
}

fn span_pipeline(
    config: &Config,
    resource: &Resource,
    background: &Background,
) -> anyhow::Result<SpanPipeline> {
    use opentelemetry_sdk::trace::SpanExporter as _;
    let Signal { exporters, otlp } = &config.traces;
    let mut lanes = Vec::new();
    for exporter in exporters.iter().filter(|_| !config.disabled) {
        let lane = match exporter {
            Exporter::Otlp => {
                let mut exporter = exporters::spans(otlp, background.handle())?;
                exporter.set_resource(resource);
                let health = Health::new("traces", "otlp", Some(otlp.target()));
                let lane = Lane::new(config.span_batching, otlp.timeout, health);
                background.handle().spawn(lane.clone().run(exporter));
                lane
            }
            Exporter::Console => {
                let mut exporter = opentelemetry_stdout::SpanExporter::default();
                exporter.set_resource(resource);
                let batching = Batching { delay: CONSOLE_DELAY, ..config.span_batching };
                let health = Health::new("traces", "console", None);
                let lane = Lane::new(batching, otlp.timeout, health);
                background.handle().spawn(lane.clone().run(exporter));
                lane
            }
        };
        lanes.push(lane);
    }
    let keep = config.recent_traces > 0 && !config.disabled;
    let recent = keep.then(|| RecentTraces::new(config.recent_traces, config.recent_bytes));
    let limit = config.limits.value_length;
    let most = config.span_batching.queue;
    let pipeline = SpanPipeline::new(lanes, recent.map(Arc::new), limit, most);
    background.handle().spawn(pipeline.clone().run());
    Ok(pipeline)
}

fn tracer_provider(
    config: &Config,
    resource: &Resource,
    pipeline: &SpanPipeline,
    processors: Vec<Box<dyn SpanProcessor>>,
) -> SdkTracerProvider {
    let limits = &config.limits;
    let builder = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(sampler(config))
        .with_span_limits(SpanLimits {
            max_attributes_per_span: limits.attributes,
            max_events_per_span: limits.events,
            max_links_per_span: limits.links,
            max_attributes_per_event: limits.event_attributes,
            max_attributes_per_link: limits.link_attributes,
        })
        .with_span_processor(pipeline.clone());
    let builder = processors.into_iter().fold(builder, |b, p| b.with_span_processor(Boxed(p)));
    builder.build()
}

fn sampler(config: &Config) -> Sampler {
    if config.disabled {
        return Sampler::AlwaysOff;
    }
    let root = match config.sampling.root {
        Root::On => Sampler::AlwaysOn,
        Root::Off => Sampler::AlwaysOff,
        Root::Ratio(ratio) => Sampler::TraceIdRatioBased(ratio),
    };
    if config.sampling.parent_based { Sampler::ParentBased(Box::new(root)) } else { root }
}

fn meter_provider(
    config: &Config,
    resource: &Resource,
    background: &Background,
    healths: &mut Vec<Arc<Health>>,
) -> anyhow::Result<opentelemetry_sdk::metrics::MeterProviderBuilder> {
    let Signal { exporters, otlp } = &config.metrics;
    let mut builder = SdkMeterProvider::builder().with_resource(resource.clone());
    for exporter in exporters.iter().filter(|_| !config.disabled) {
        let interval = config.metric_interval;
        builder = match exporter {
            Exporter::Otlp => {
                let health = Arc::new(Health::new("metrics", "otlp", Some(otlp.target())));
                healths.push(health.clone());
                let inner = exporters::metrics(otlp, config.temporality, background.handle())?;
                let reader = PeriodicReader::builder(Watched { inner, health });
                builder.with_reader(reader.with_interval(interval).build())
            }
            Exporter::Console => {
                let health = Arc::new(Health::new("metrics", "console", None));
                healths.push(health.clone());
                let inner = opentelemetry_stdout::MetricExporter::default();
                let reader = PeriodicReader::builder(Watched { inner, health });
                builder.with_reader(reader.with_interval(interval).build())
            }
        };
    }
    Ok(builder)
}

fn logger_provider(
    config: &Config,
    resource: &Resource,
    background: &Background,
    healths: &mut Vec<Arc<Health>>,
) -> anyhow::Result<Option<SdkLoggerProvider>> {
    let Signal { exporters, otlp } = &config.logs;
    if exporters.is_empty() || config.disabled {
        return Ok(None);
    }
    let mut builder = SdkLoggerProvider::builder().with_resource(resource.clone());
    for exporter in exporters {
        builder = match exporter {
            Exporter::Otlp => {
                let health = Arc::new(Health::new("logs", "otlp", Some(otlp.target())));
                healths.push(health.clone());
                let inner = exporters::logs(otlp, background.handle())?;
                let Batching { delay, queue, batch } = config.log_batching;
                let batching = BatchConfigBuilder::default()
                    .with_scheduled_delay(delay)
                    .with_max_queue_size(queue)
                    .with_max_export_batch_size(batch)
                    .build();
                let processor = BatchLogProcessor::builder(Watched { inner, health });
                builder.with_log_processor(processor.with_batch_config(batching).build())
            }
            Exporter::Console => {
                let health = Arc::new(Health::new("logs", "console", None));
                healths.push(health.clone());
                let inner = opentelemetry_stdout::LogExporter::default();
                builder.with_log_processor(SimpleLogProcessor::new(Watched { inner, health }))
            }
        };
    }
    Ok(Some(builder.build()))
}

/// A processor of any type, for the SDK's builder takes no boxed one.
#[derive(Debug)]
struct Boxed(Box<dyn SpanProcessor>);

impl SpanProcessor for Boxed {
    fn on_start(&self, span: &mut opentelemetry_sdk::trace::Span, cx: &opentelemetry::Context) {
        self.0.on_start(span, cx);
    }
    fn on_end(&self, span: opentelemetry_sdk::trace::SpanData) {
        self.0.on_end(span);
    }
    fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.force_flush()
    }
    fn shutdown_with_timeout(&self, timeout: Duration) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

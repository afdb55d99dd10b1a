//! From configuration to the SDK's providers.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider, SimpleLogProcessor,
};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter, TracerProviderBuilder};

use super::background::Background;
use super::basics;
use super::config::{Batching, Config, Exporter, Signal};
use super::console::Console;
use super::exporters::{self, Counted, Watched};
use super::lane::Lane;
use super::outage::Health;
use super::pipeline::{SpanListener, SpanPipeline};

/// How long the console's spans may wait: who watches them wants them at once.
const CONSOLE_DELAY: Duration = Duration::from_millis(100);

/// Exports to a collector that may be on their way together: with batches of 512, 20,000 spans a second
/// reach one that takes 100 ms to answer.
const EXPORTS_AT_ONCE: usize = 8;

pub(super) fn span_pipeline(
    config: &Config,
    resource: &Resource,
    background: &Background,
    listeners: Vec<Arc<dyn SpanListener>>,
) -> anyhow::Result<SpanPipeline> {
    let Signal { exporters, otlp } = &config.traces;
    let mut lanes = Vec::new();
    for exporter in exporters.iter().filter(|_| !config.disabled) {
        lanes.push(match exporter {
            Exporter::Otlp => {
                let exporter = exporters::spans(otlp, background.handle())?;
                let health = Health::new("traces", "otlp", Some(otlp.target()));
                let lane = Lane::new(config.span_batching, otlp.timeout, health);
                start(background, lane, (exporter, EXPORTS_AT_ONCE), resource)
            }
            Exporter::Console => {
                let exporter = Console(opentelemetry_stdout::SpanExporter::default());
                let batching = Batching { delay: CONSOLE_DELAY, ..config.span_batching };
                let lane =
                    Lane::new(batching, otlp.timeout, Health::new("traces", "console", None));
                start(background, lane, (exporter, 1), resource)
            }
        });
    }
    let limit = config.limits.value_length;
    let most = config.span_batching.queue;
    let pipeline = SpanPipeline::new(lanes, listeners, limit, most);
    background.handle().spawn(pipeline.clone().run());
    Ok(pipeline)
}

fn start(
    background: &Background,
    lane: Arc<Lane>,
    (mut exporter, at_once): (impl SpanExporter + 'static, usize),
    resource: &Resource,
) -> Arc<Lane> {
    exporter.set_resource(resource);
    background.handle().spawn(lane.clone().run(exporter, at_once));
    lane
}

/// The application's own changes to the tracer provider.
pub(super) type Customizer = Box<dyn FnOnce(TracerProviderBuilder) -> TracerProviderBuilder>;

pub(super) fn tracer(
    config: &Config,
    resource: &Resource,
    pipeline: &SpanPipeline,
    customize: Customizer,
) -> SdkTracerProvider {
    let builder = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(basics::sampler(config))
        .with_span_limits(basics::span_limits(config))
        .with_span_processor(pipeline.clone());
    customize(builder).build()
}

pub(super) fn meter(
    config: &Config,
    resource: &Resource,
    background: &Background,
    healths: &mut Vec<Arc<Health>>,
) -> anyhow::Result<SdkMeterProvider> {
    let Signal { exporters, otlp } = &config.metrics;
    let mut builder = SdkMeterProvider::builder().with_resource(resource.clone());
    for exporter in exporters.iter().filter(|_| !config.disabled) {
        builder = match exporter {
            Exporter::Otlp => {
                let inner = exporters::metrics(otlp, config.temporality, background.handle())?;
                let health = Health::new("metrics", "otlp", Some(otlp.target()));
                builder.with_reader(reader(config, inner, health, healths))
            }
            Exporter::Console => {
                let inner = Console(opentelemetry_stdout::MetricExporter::default());
                let health = Health::new("metrics", "console", None);
                builder.with_reader(reader(config, inner, health, healths))
            }
        };
    }
    Ok(builder.build())
}

fn reader<E: PushMetricExporter>(
    config: &Config,
    inner: E,
    health: Health,
    healths: &mut Vec<Arc<Health>>,
) -> PeriodicReader<Watched<E>> {
    let health = watch(health, healths);
    let builder = PeriodicReader::builder(Watched { inner, health });
    builder.with_interval(config.metric_interval).build()
}

fn watch(health: Health, healths: &mut Vec<Arc<Health>>) -> Arc<Health> {
    let health = Arc::new(health);
    healths.push(health.clone());
    health
}

pub(super) fn logger(
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
                let health = watch(Health::new("logs", "otlp", Some(otlp.target())), healths);
                let inner = exporters::logs(otlp, background.handle())?;
                let Batching { delay, queue, batch } = config.log_batching;
                let batching = BatchConfigBuilder::default()
                    .with_scheduled_delay(delay)
                    .with_max_queue_size(queue)
                    .with_max_export_batch_size(batch)
                    .build();
                let watched = Watched { inner, health: health.clone() };
                let inner = BatchLogProcessor::builder(watched).with_batch_config(batching).build();
                builder.with_log_processor(Counted { inner, health })
            }
            Exporter::Console => {
                let health = watch(Health::new("logs", "console", None), healths);
                let inner = Console(opentelemetry_stdout::LogExporter::default());
                builder.with_log_processor(SimpleLogProcessor::new(Watched { inner, health }))
            }
        };
    }
    Ok(Some(builder.build()))
}

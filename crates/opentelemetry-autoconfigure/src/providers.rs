//! The providers of the SDK, built from the configuration.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider, SimpleLogProcessor,
};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{self, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SpanExporter as _;
use tokio::runtime::Handle;

use super::batch_worker::{BatchWorker, ExportSpans};
use super::config::{BatchConfig, Config, Exporter, SignalConfig, Temporality};
use super::exporters::{Console, Counted, OtlpPush, OtlpSpans};
use super::otlp_exporter;
use super::signal::Signal;
use super::span_processor::{BufferingSpanProcessor, SpanListener};
use super::stats::{Destination, ExporterStats};
use super::telemetry::BuildError;

/// The delay of the console's spans: a person watches them.
const CONSOLE_DELAY: Duration = Duration::from_millis(100);

/// Concurrent exports to a collector: with batches of 512, 20,000 spans per second reach a collector that
/// takes 100 ms to answer.
const CONCURRENT_EXPORTS: usize = 8;

/// Builds providers and collects the statistics of their exporters. Used in the context of the
/// export runtime, which the exporters' connections belong to.
pub(super) struct Providers<'a> {
    pub(super) config: &'a Config,
    pub(super) resource: &'a Resource,
    pub(super) handle: &'a Handle,
    pub(super) stats: Vec<Arc<ExporterStats>>,
}

impl Providers<'_> {
    /// The exporters of a signal, unless the SDK is disabled.
    fn exporters(&self, signal: &SignalConfig) -> Vec<Exporter> {
        if self.config.disabled { Vec::new() } else { signal.exporters.clone() }
    }

    fn new_stats(&mut self, signal: Signal, destination: Destination) -> Arc<ExporterStats> {
        let stats = Arc::new(ExporterStats::new(signal, destination));
        self.stats.push(stats.clone());
        stats
    }

    pub(super) fn span_processor(
        &mut self,
        listeners: Vec<Arc<dyn SpanListener>>,
    ) -> Result<BufferingSpanProcessor, BuildError> {
        let Config { traces, span_batch, span_limits, .. } = self.config;
        let mut workers = Vec::new();
        for exporter in self.exporters(traces) {
            workers.push(match exporter {
                Exporter::Otlp => {
                    let mut inner = otlp_exporter::spans(&traces.otlp, self.handle)
                        .map_err(BuildError::exporter(Signal::Traces))?;
                    inner.set_resource(self.resource);
                    let stats = self.new_stats(Signal::Traces, Destination::otlp(&traces.otlp));
                    let (timeout, handle) = (traces.otlp.timeout, self.handle.clone());
                    let exporter = OtlpSpans { inner, timeout, handle };
                    self.worker(*span_batch, stats, exporter, CONCURRENT_EXPORTS)
                }
                Exporter::Console => {
                    let stats = self.new_stats(Signal::Traces, Destination::Console);
                    let mut inner = opentelemetry_stdout::SpanExporter::default();
                    inner.set_resource(self.resource);
                    let exporter = Console { inner, stats: stats.clone() };
                    let batch = BatchConfig { delay: CONSOLE_DELAY, ..*span_batch };
                    self.worker(batch, stats, exporter, 1)
                }
            });
        }
        let processor =
            BufferingSpanProcessor::new(workers, listeners, *span_limits, span_batch.queue);
        self.handle.spawn(processor.clone().run());
        Ok(processor)
    }

    fn worker(
        &self,
        batch: BatchConfig,
        stats: Arc<ExporterStats>,
        exporter: impl ExportSpans + 'static,
        concurrency: usize,
    ) -> Arc<BatchWorker> {
        let worker = Arc::new(BatchWorker::new(batch, self.config.traces.otlp.timeout, stats));
        self.handle.spawn(worker.clone().run(exporter, concurrency));
        worker
    }

    pub(super) fn meter_provider(&mut self) -> Result<SdkMeterProvider, BuildError> {
        let config = &self.config.metrics;
        let mut builder = SdkMeterProvider::builder().with_resource(self.resource.clone());
        for exporter in self.exporters(config) {
            builder = match exporter {
                Exporter::Otlp => {
                    let temporality = match self.config.temporality {
                        Temporality::Cumulative => metrics::Temporality::Cumulative,
                        Temporality::Delta => metrics::Temporality::Delta,
                        Temporality::LowMemory => metrics::Temporality::LowMemory,
                    };
                    let exporter = otlp_exporter::metrics(&config.otlp, temporality, self.handle)
                        .map_err(BuildError::exporter(Signal::Metrics))?;
                    let exporter = self.push(Signal::Metrics, config, exporter);
                    builder.with_reader(self.reader(exporter))
                }
                Exporter::Console => {
                    let stats = self.new_stats(Signal::Metrics, Destination::Console);
                    let inner = opentelemetry_stdout::MetricExporter::default();
                    builder.with_reader(self.reader(Console { inner, stats }))
                }
            };
        }
        Ok(builder.build())
    }

    fn push<E>(&mut self, signal: Signal, config: &SignalConfig, inner: E) -> OtlpPush<E> {
        let stats = self.new_stats(signal, Destination::otlp(&config.otlp));
        OtlpPush { inner, timeout: config.otlp.timeout, stats, handle: self.handle.clone() }
    }

    fn reader<E: PushMetricExporter>(&self, exporter: E) -> PeriodicReader<E> {
        PeriodicReader::builder(exporter).with_interval(self.config.metric_interval).build()
    }

    /// `None` if no exporter wants log records.
    pub(super) fn logger_provider(&mut self) -> Result<Option<SdkLoggerProvider>, BuildError> {
        let config = &self.config.logs;
        let exporters = self.exporters(config);
        if exporters.is_empty() {
            return Ok(None);
        }
        let mut builder = SdkLoggerProvider::builder().with_resource(self.resource.clone());
        for exporter in exporters {
            builder = match exporter {
                Exporter::Otlp => {
                    let exporter = otlp_exporter::logs(&config.otlp, self.handle)
                        .map_err(BuildError::exporter(Signal::Logs))?;
                    let exporter = self.push(Signal::Logs, config, exporter);
                    let stats = exporter.stats.clone();
                    let BatchConfig { delay, queue, batch } = self.config.log_batch;
                    let batch = BatchConfigBuilder::default()
                        .with_scheduled_delay(delay)
                        .with_max_queue_size(queue)
                        .with_max_export_batch_size(batch)
                        .build();
                    let inner =
                        BatchLogProcessor::builder(exporter).with_batch_config(batch).build();
                    builder.with_log_processor(Counted { inner, stats })
                }
                Exporter::Console => {
                    let stats = self.new_stats(Signal::Logs, Destination::Console);
                    let inner = opentelemetry_stdout::LogExporter::default();
                    builder.with_log_processor(SimpleLogProcessor::new(Console { inner, stats }))
                }
            };
        }
        Ok(Some(builder.build()))
    }
}

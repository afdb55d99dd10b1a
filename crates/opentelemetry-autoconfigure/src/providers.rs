//! The providers of the SDK, built from the configuration.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider, SimpleLogProcessor,
};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{self, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SpanExporter;
use tokio::runtime::Handle;

use super::batch_worker::BatchWorker;
use super::config::{BatchConfig, Config, Exporter, SignalConfig, Temporality};
use super::exporters::{CountOffered, CountedExporter};
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
    /// The exporters of a signal. Without one, or if the SDK is disabled, the signal has a status all the same.
    fn exporters(&mut self, signal: Signal, config: &SignalConfig) -> Vec<Exporter> {
        let exporters = if self.config.disabled { Vec::new() } else { config.exporters.clone() };
        if exporters.is_empty() {
            self.stats.push(Arc::new(ExporterStats::new(signal, Destination::None)));
        }
        exporters
    }

    fn counted<E>(
        &mut self,
        signal: Signal,
        config: &SignalConfig,
        exporter: Exporter,
        inner: E,
    ) -> CountedExporter<E> {
        let destination = match exporter {
            Exporter::Otlp => Destination::otlp(&config.otlp),
            Exporter::Console => Destination::Console,
        };
        let stats = Arc::new(ExporterStats::new(signal, destination));
        self.stats.push(stats.clone());
        CountedExporter { inner, stats, timeout: config.otlp.timeout, handle: self.handle.clone() }
    }

    pub(super) fn span_processor(
        &mut self,
        listeners: Vec<Arc<dyn SpanListener>>,
    ) -> Result<BufferingSpanProcessor, BuildError> {
        let Config { traces, span_batch, span_limits, .. } = self.config;
        let mut workers = Vec::new();
        for exporter in self.exporters(Signal::Traces, traces) {
            workers.push(match exporter {
                Exporter::Otlp => {
                    let inner = otlp_exporter::spans(&traces.otlp, self.handle)?;
                    self.worker(exporter, inner, *span_batch, CONCURRENT_EXPORTS)
                }
                Exporter::Console => {
                    let batch = BatchConfig { delay: CONSOLE_DELAY, ..*span_batch };
                    self.worker(exporter, opentelemetry_stdout::SpanExporter::default(), batch, 1)
                }
            });
        }
        let processor =
            BufferingSpanProcessor::new(workers, listeners, *span_limits, span_batch.queue);
        self.handle.spawn(processor.clone().run());
        Ok(processor)
    }

    fn worker(
        &mut self,
        exporter: Exporter,
        mut inner: impl SpanExporter + 'static,
        batch: BatchConfig,
        concurrency: usize,
    ) -> Arc<BatchWorker> {
        inner.set_resource(self.resource);
        let exporter = self.counted(Signal::Traces, &self.config.traces, exporter, inner);
        let worker = Arc::new(BatchWorker::new(batch, exporter.timeout, exporter.stats.clone()));
        self.handle.spawn(worker.clone().run(exporter, concurrency));
        worker
    }

    pub(super) fn meter_provider(&mut self) -> Result<SdkMeterProvider, BuildError> {
        let Config { metrics, temporality, .. } = self.config;
        let mut builder = SdkMeterProvider::builder().with_resource(self.resource.clone());
        for exporter in self.exporters(Signal::Metrics, metrics) {
            builder = match exporter {
                Exporter::Otlp => {
                    let temporality = match temporality {
                        Temporality::Cumulative => metrics::Temporality::Cumulative,
                        Temporality::Delta => metrics::Temporality::Delta,
                        Temporality::LowMemory => metrics::Temporality::LowMemory,
                    };
                    let inner = otlp_exporter::metrics(&metrics.otlp, temporality, self.handle)?;
                    builder.with_reader(self.reader(exporter, inner))
                }
                Exporter::Console => {
                    let inner = opentelemetry_stdout::MetricExporter::default();
                    builder.with_reader(self.reader(exporter, inner))
                }
            };
        }
        Ok(builder.build())
    }

    fn reader<E: PushMetricExporter>(
        &mut self,
        exporter: Exporter,
        inner: E,
    ) -> PeriodicReader<CountedExporter<E>> {
        let exporter = self.counted(Signal::Metrics, &self.config.metrics, exporter, inner);
        PeriodicReader::builder(exporter).with_interval(self.config.metric_interval).build()
    }

    /// `None` if no exporter wants log records.
    pub(super) fn logger_provider(&mut self) -> Result<Option<SdkLoggerProvider>, BuildError> {
        let Config { logs, log_batch: BatchConfig { delay, queue, batch }, .. } = self.config;
        let exporters = self.exporters(Signal::Logs, logs);
        if exporters.is_empty() {
            return Ok(None);
        }
        let mut builder = SdkLoggerProvider::builder().with_resource(self.resource.clone());
        for exporter in exporters {
            builder = match exporter {
                Exporter::Otlp => {
                    let inner = otlp_exporter::logs(&logs.otlp, self.handle)?;
                    let exporter = self.counted(Signal::Logs, logs, exporter, inner);
                    let batch = BatchConfigBuilder::default()
                        .with_scheduled_delay(*delay)
                        .with_max_queue_size(*queue)
                        .with_max_export_batch_size(*batch);
                    let count = CountOffered(exporter.stats.clone());
                    let processor = BatchLogProcessor::builder(exporter);
                    builder
                        .with_log_processor(count)
                        .with_log_processor(processor.with_batch_config(batch.build()).build())
                }
                Exporter::Console => {
                    let inner = opentelemetry_stdout::LogExporter::default();
                    let exporter = self.counted(Signal::Logs, logs, exporter, inner);
                    builder.with_log_processor(SimpleLogProcessor::new(exporter))
                }
            };
        }
        Ok(Some(builder.build()))
    }
}

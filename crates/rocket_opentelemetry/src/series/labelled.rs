//! Series of the metrics: an instrument and the labels that each measurement passes to it.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, UpDownCounter};

#[derive(Debug)]
pub(crate) struct Series<I> {
    instrument: I,
    labels: Vec<KeyValue>,
}

pub(crate) type HistogramSeries = Series<Histogram<f64>>;
pub(crate) type CounterSeries = Series<UpDownCounter<i64>>;

impl<I: Clone> Series<I> {
    pub(crate) fn new(instrument: &I, labels: &[KeyValue]) -> Self {
        Self { instrument: instrument.clone(), labels: labels.to_vec() }
    }
}

impl HistogramSeries {
    pub(crate) fn record(&self, value: f64) {
        self.instrument.record(value, &self.labels);
    }
}

impl CounterSeries {
    pub(crate) fn add(&self, change: i64) {
        self.instrument.add(change, &self.labels);
    }
}

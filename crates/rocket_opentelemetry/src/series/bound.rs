//! Series of the metrics: an instrument whose labels the SDK has resolved.
//!
//! A measurement with labels hashes them and looks them up, three times a request; a bound
//! instrument goes straight to its sum.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, BoundUpDownCounter, Histogram, UpDownCounter};

#[derive(Debug)]
pub(crate) struct Series<B>(B);

pub(crate) type HistogramSeries = Series<BoundHistogram<f64>>;
pub(crate) type CounterSeries = Series<BoundUpDownCounter<i64>>;

impl HistogramSeries {
    pub(crate) fn new(instrument: &Histogram<f64>, labels: &[KeyValue]) -> Self {
        Self(instrument.bind(labels))
    }

    pub(crate) fn record(&self, value: f64) {
        self.0.record(value);
    }
}

impl CounterSeries {
    pub(crate) fn new(instrument: &UpDownCounter<i64>, labels: &[KeyValue]) -> Self {
        Self(instrument.bind(labels))
    }

    pub(crate) fn add(&self, change: i64) {
        self.0.add(change);
    }
}

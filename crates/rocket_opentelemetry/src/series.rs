//! Instruments with a fixed set of attributes.
//!
//! With the feature `bound-instruments`, the SDK resolves the attributes once and each recording goes
//! straight to its sum. Without it, each recording passes the attributes again.

#[cfg(feature = "bound-instruments")]
mod bound {
    use opentelemetry::KeyValue;
    use opentelemetry::metrics::{BoundHistogram, BoundUpDownCounter, Histogram, UpDownCounter};

    pub(crate) type HistogramSeries = BoundHistogram<f64>;
    pub(crate) type UpDownCounterSeries = BoundUpDownCounter<i64>;

    pub(crate) fn histogram(histogram: &Histogram<f64>, labels: &[KeyValue]) -> HistogramSeries {
        histogram.bind(labels)
    }

    pub(crate) fn up_down_counter(
        counter: &UpDownCounter<i64>,
        labels: &[KeyValue],
    ) -> UpDownCounterSeries {
        counter.bind(labels)
    }
}

#[cfg(not(feature = "bound-instruments"))]
mod unbound {
    use opentelemetry::KeyValue;
    use opentelemetry::metrics::{Histogram, UpDownCounter};

    #[derive(Debug)]
    pub(crate) struct HistogramSeries(Histogram<f64>, Vec<KeyValue>);

    impl HistogramSeries {
        pub(crate) fn record(&self, value: f64) {
            self.0.record(value, &self.1);
        }
    }

    #[derive(Debug)]
    pub(crate) struct UpDownCounterSeries(UpDownCounter<i64>, Vec<KeyValue>);

    impl UpDownCounterSeries {
        pub(crate) fn add(&self, change: i64) {
            self.0.add(change, &self.1);
        }
    }

    pub(crate) fn histogram(histogram: &Histogram<f64>, labels: &[KeyValue]) -> HistogramSeries {
        HistogramSeries(histogram.clone(), labels.to_vec())
    }

    pub(crate) fn up_down_counter(
        counter: &UpDownCounter<i64>,
        labels: &[KeyValue],
    ) -> UpDownCounterSeries {
        UpDownCounterSeries(counter.clone(), labels.to_vec())
    }
}

#[cfg(feature = "bound-instruments")]
pub(crate) use bound::{HistogramSeries, UpDownCounterSeries, histogram, up_down_counter};
#[cfg(not(feature = "bound-instruments"))]
pub(crate) use unbound::{HistogramSeries, UpDownCounterSeries, histogram, up_down_counter};

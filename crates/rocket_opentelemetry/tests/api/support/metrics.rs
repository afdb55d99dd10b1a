//! Metrics of the SDK, read from memory.

use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, MetricData, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use rocket_opentelemetry::RequestTracing;

/// The metrics of one test.
#[derive(Clone)]
pub(crate) struct Metrics {
    exporter: InMemoryMetricExporter,
    provider: SdkMeterProvider,
}

/// A data point of a histogram or a sum.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) labels: BTreeMap<String, String>,
    /// The number of measurements of a histogram; the value of a sum.
    pub(crate) count: i64,
    /// The fields from here on are a histogram's.
    pub(crate) sum: f64,
    pub(crate) bounds: Vec<f64>,
    pub(crate) buckets: Vec<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        // Its interval is a minute, so within a test only `force_flush` reads.
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self { exporter, provider }
    }

    pub(crate) fn meter(&self) -> Meter {
        self.provider.meter_with_scope(RequestTracing::scope())
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&AggregatedMetrics, &str) -> T) -> Option<T> {
        self.provider.force_flush().expect("memory never fails");
        let all = self.exporter.get_finished_metrics().expect("in memory");
        self.exporter.reset();
        let mut metrics = all.last()?.scope_metrics().flat_map(ScopeMetrics::metrics);
        let metric = metrics.find(|metric| metric.name() == name)?;
        Some(read(metric.data(), metric.unit()))
    }

    /// A metric's unit.
    pub(crate) fn unit(&self, name: &str) -> String {
        self.read(name, |_, unit| unit.to_owned()).expect("the metric exists")
    }

    /// All points of a metric; none if nothing was recorded.
    pub(crate) fn points(&self, name: &str) -> Vec<Point> {
        self.read(name, |data, _| match data {
            AggregatedMetrics::F64(MetricData::Histogram(h)) => {
                h.data_points().map(histogram).collect()
            }
            AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                let points = sum.data_points();
                points.map(|p| sum_point(p.attributes(), p.value())).collect()
            }
            other => panic!("{name} has another kind: {other:?}"),
        })
        .unwrap_or_default()
    }

    /// The one point of a metric.
    pub(crate) fn point(&self, name: &str) -> Point {
        let [point] = self.points(name).try_into().unwrap_or_else(|all| panic!("{all:#?}"));
        point
    }

    /// The sum of `http.server.active_requests` over all its labels.
    pub(crate) fn active(&self) -> i64 {
        self.points("http.server.active_requests").iter().map(|point| point.count).sum()
    }

    /// All metrics as text.
    pub(crate) fn dump(&self) -> String {
        self.provider.force_flush().expect("memory never fails");
        let all: Vec<ResourceMetrics> = self.exporter.get_finished_metrics().expect("in memory");
        format!("{:?}", all.last().expect("something was recorded"))
    }
}

fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    attributes.map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
}

fn sum_point<'a>(attributes: impl Iterator<Item = &'a KeyValue>, count: i64) -> Point {
    Point { labels: labels(attributes), count, sum: 0.0, bounds: vec![], buckets: vec![] }
}

fn histogram(point: &HistogramDataPoint<f64>) -> Point {
    Point {
        labels: labels(point.attributes()),
        count: point.count().try_into().expect("a small number"),
        sum: point.sum(),
        bounds: point.bounds().collect(),
        buckets: point.bucket_counts().collect(),
    }
}

impl Point {
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        self.labels.keys().map(String::as_str).collect()
    }
}

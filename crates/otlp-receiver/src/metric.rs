//! Metrics, flattened.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, Metric, NumberDataPoint, metric::Data, number_data_point,
};

use super::inbox::Received;
use super::signal::Export;
use super::value::{Attributes, Scope, attributes, resource, time};

pub use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality as Temporality;

/// A metric with all its points, and the resource and scope it came under.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedMetric {
    pub name: String,
    pub unit: String,
    pub description: String,
    pub kind: MetricKind,
    /// `Unspecified` for a gauge, which has none.
    pub temporality: Temporality,
    /// Empty for an unsupported kind.
    pub points: Vec<Point>,
    pub resource: Attributes,
    pub scope: Scope,
}

/// The shape of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Sum {
        monotonic: bool,
    },
    Gauge,
    Histogram,
    /// Exponential histograms and summaries, which nothing here makes.
    Unsupported,
}

/// One series at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub attributes: Attributes,
    /// When the series began, since the Unix epoch.
    pub start: Duration,
    /// When it was measured, since the Unix epoch.
    pub at: Duration,
    pub value: PointValue,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum PointValue {
    Empty,
    Int(i64),
    Double(f64),
    Histogram(Histogram),
}

/// A histogram with explicit buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    pub count: u64,
    pub sum: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub bounds: Vec<f64>,
    /// One more than bounds.
    pub buckets: Vec<u64>,
}

impl ReceivedMetric {
    /// The only point whose attributes include all of these; a value is compared as text or as a literal.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[track_caller]
    pub fn point<V>(&self, wanted: &[(&str, V)]) -> &Point
    where
        super::Value: PartialEq<V>,
    {
        let found: Vec<_> = self
            .points
            .iter()
            .filter(|point| {
                wanted
                    .iter()
                    .all(|(key, value)| point.attributes.get(*key).is_some_and(|v| v == value))
            })
            .collect();
        match found[..] {
            [point] => point,
            _ => panic!("wanted one point, found {}: {found:#?} in {self:#?}", found.len()),
        }
    }
}

impl Point {
    /// The value of a whole sum or gauge.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self.value {
            PointValue::Int(value) => value,
            _ => panic!("not a whole number: {self:?}"),
        }
    }

    /// The value of a fractional sum or gauge.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn double(&self) -> f64 {
        match self.value {
            PointValue::Double(value) => value,
            _ => panic!("not a fractional number: {self:?}"),
        }
    }

    /// The value of a histogram.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn histogram(&self) -> &Histogram {
        match &self.value {
            PointValue::Histogram(histogram) => histogram,
            _ => panic!("not a histogram: {self:?}"),
        }
    }
}

impl From<NumberDataPoint> for Point {
    fn from(point: NumberDataPoint) -> Self {
        let value = match point.value {
            None => PointValue::Empty,
            Some(number_data_point::Value::AsInt(value)) => PointValue::Int(value),
            Some(number_data_point::Value::AsDouble(value)) => PointValue::Double(value),
        };
        Self {
            attributes: attributes(point.attributes),
            start: time(point.start_time_unix_nano),
            at: time(point.time_unix_nano),
            value,
        }
    }
}

impl From<HistogramDataPoint> for Point {
    fn from(point: HistogramDataPoint) -> Self {
        Self {
            attributes: attributes(point.attributes),
            start: time(point.start_time_unix_nano),
            at: time(point.time_unix_nano),
            value: PointValue::Histogram(Histogram {
                count: point.count,
                sum: point.sum,
                min: point.min,
                max: point.max,
                bounds: point.explicit_bounds,
                buckets: point.bucket_counts,
            }),
        }
    }
}

impl ReceivedMetric {
    fn new(metric: Metric, resource: &Attributes, scope: &Scope) -> Self {
        let (kind, temporality, points) = match metric.data {
            Some(Data::Sum(sum)) => (
                MetricKind::Sum { monotonic: sum.is_monotonic },
                sum.aggregation_temporality(),
                points(sum.data_points),
            ),
            Some(Data::Gauge(gauge)) => {
                (MetricKind::Gauge, Temporality::Unspecified, points(gauge.data_points))
            }
            Some(Data::Histogram(histogram)) => (
                MetricKind::Histogram,
                histogram.aggregation_temporality(),
                points(histogram.data_points),
            ),
            Some(Data::ExponentialHistogram(_) | Data::Summary(_)) | None => {
                (MetricKind::Unsupported, Temporality::Unspecified, Vec::new())
            }
        };
        Self {
            name: metric.name,
            unit: metric.unit,
            description: metric.description,
            kind,
            temporality,
            points,
            resource: resource.clone(),
            scope: scope.clone(),
        }
    }
}

fn points(points: Vec<impl Into<Point>>) -> Vec<Point> {
    points.into_iter().map(Into::into).collect()
}

impl Export for ExportMetricsServiceRequest {
    type Answer = ExportMetricsServiceResponse;

    fn keep(self, received: &mut Received) {
        for group in self.resource_metrics {
            let resource = resource(group.resource);
            for group in group.scope_metrics {
                let scope = Scope::new(group.scope, group.schema_url);
                let metrics = group.metrics.into_iter();
                received
                    .metrics
                    .extend(metrics.map(|metric| ReceivedMetric::new(metric, &resource, &scope)));
            }
        }
    }

    fn partially(rejected: i64, message: String) -> Self::Answer {
        let (rejected_data_points, error_message) = (rejected, message);
        let partial_success =
            Some(ExportMetricsPartialSuccess { rejected_data_points, error_message });
        ExportMetricsServiceResponse { partial_success }
    }
}

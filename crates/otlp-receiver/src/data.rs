//! Spans, metrics and log records, flattened from the protocol's messages, with their attributes by key.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, metric::Data, number_data_point::Value as Number,
};
use opentelemetry_proto::tonic::trace::v1::Span;

pub use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
pub use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality as Temporality, HistogramDataPoint,
};
pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
pub use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
/// An attribute's value, which compares with literals: `span.attributes["http.route"] == "/"`.
pub use serde_json::Value;

/// Attributes by key. A repeated key keeps its last value.
pub type Attributes = BTreeMap<String, Value>;

/// A span with its resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedSpan {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// `None` for a root.
    pub parent_span_id: Option<String>,
    pub name: String,
    pub kind: SpanKind,
    pub attributes: Attributes,
    pub events: Vec<ReceivedEvent>,
    pub links: Vec<ReceivedLink>,
    pub status: StatusCode,
    /// Empty unless the status is an error with a description.
    pub status_message: String,
    pub trace_state: String,
    pub dropped_attributes: u32,
    pub dropped_events: u32,
    pub dropped_links: u32,
    pub resource: Attributes,
}

/// An event of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedEvent {
    pub name: String,
    pub attributes: Attributes,
    pub dropped_attributes: u32,
}

/// A reference to another span.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedLink {
    pub attributes: Attributes,
}

impl ReceivedSpan {
    /// Whether `other` is the parent of this span.
    pub fn is_child_of(&self, other: &Self) -> bool {
        self.trace_id == other.trace_id && self.parent_span_id.as_ref() == Some(&other.span_id)
    }

    fn new(span: Span, resource: &Attributes) -> Self {
        let kind = span.kind();
        let status = span.status.unwrap_or_default();
        Self {
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            parent_span_id: optional_id(&span.parent_span_id),
            name: span.name,
            kind,
            attributes: attributes(span.attributes),
            events: collect(span.events, |event| ReceivedEvent {
                name: event.name,
                attributes: attributes(event.attributes),
                dropped_attributes: event.dropped_attributes_count,
            }),
            links: collect(span.links, |link| ReceivedLink {
                attributes: attributes(link.attributes),
            }),
            status: status.code(),
            status_message: status.message,
            trace_state: span.trace_state,
            dropped_attributes: span.dropped_attributes_count,
            dropped_events: span.dropped_events_count,
            dropped_links: span.dropped_links_count,
            resource: resource.clone(),
        }
    }
}

/// A log record with its resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedLog {
    pub body: Value,
    pub severity_text: String,
    pub severity_number: SeverityNumber,
    /// `None` for a record from outside any span.
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub attributes: Attributes,
    pub resource: Attributes,
}

impl ReceivedLog {
    fn new(record: LogRecord, resource: &Attributes) -> Self {
        Self {
            severity_number: record.severity_number(),
            body: value(record.body),
            severity_text: record.severity_text,
            trace_id: optional_id(&record.trace_id),
            span_id: optional_id(&record.span_id),
            attributes: attributes(record.attributes),
            resource: resource.clone(),
        }
    }
}

/// A metric with all its points and its resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedMetric {
    pub name: String,
    pub unit: String,
    pub kind: MetricKind,
    /// `Unspecified` for a gauge.
    pub temporality: Temporality,
    /// Empty for an unsupported kind.
    pub points: Vec<Point>,
    pub resource: Attributes,
}

/// The shape of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Sum {
        monotonic: bool,
    },
    Gauge,
    Histogram,
    /// An exponential histogram or a summary.
    Unsupported,
}

/// One series at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub attributes: Attributes,
    number: Option<Number>,
    histogram: Option<HistogramDataPoint>,
}

impl ReceivedMetric {
    /// The only point whose attributes include all of `expected`.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[track_caller]
    pub fn point<V>(&self, expected: &[(&str, V)]) -> &Point
    where
        Value: PartialEq<V>,
    {
        let matches = |point: &&Point| {
            let mut pairs = expected.iter();
            pairs.all(|(key, value)| point.attributes.get(*key).is_some_and(|v| v == value))
        };
        match self.points.iter().filter(matches).collect::<Vec<_>>()[..] {
            [point] => point,
            ref found => {
                panic!("expected one point, found {}: {found:#?} in {self:#?}", found.len())
            }
        }
    }

    fn new(metric: Metric, resource: &Attributes) -> Self {
        let unspecified = Temporality::Unspecified;
        let (kind, temporality, points) = match metric.data {
            Some(Data::Sum(sum)) => (
                MetricKind::Sum { monotonic: sum.is_monotonic },
                sum.aggregation_temporality(),
                collect(sum.data_points, Point::number),
            ),
            Some(Data::Gauge(gauge)) => {
                (MetricKind::Gauge, unspecified, collect(gauge.data_points, Point::number))
            }
            Some(Data::Histogram(histogram)) => (
                MetricKind::Histogram,
                histogram.aggregation_temporality(),
                collect(histogram.data_points, Point::of_histogram),
            ),
            _ => (MetricKind::Unsupported, unspecified, Vec::new()),
        };
        Self {
            name: metric.name,
            unit: metric.unit,
            kind,
            temporality,
            points,
            resource: resource.clone(),
        }
    }
}

impl Point {
    fn number(point: NumberDataPoint) -> Self {
        let attributes = attributes(point.attributes);
        Self { attributes, number: point.value, histogram: None }
    }

    fn of_histogram(mut point: HistogramDataPoint) -> Self {
        let attributes = attributes(std::mem::take(&mut point.attributes));
        Self { attributes, number: None, histogram: Some(point) }
    }

    /// The value of an integer sum or gauge.
    ///
    /// # Panics
    /// If the point is of another type.
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self.number {
            Some(Number::AsInt(value)) => value,
            _ => panic!("not an integer: {self:?}"),
        }
    }

    /// The value of a histogram.
    ///
    /// # Panics
    /// If the point is of another type.
    #[track_caller]
    pub fn histogram(&self) -> &HistogramDataPoint {
        self.histogram.as_ref().unwrap_or_else(|| panic!("not a histogram: {self:?}"))
    }
}

fn collect<T, U>(list: Vec<T>, convert: impl Fn(T) -> U) -> Vec<U> {
    list.into_iter().map(convert).collect()
}

/// The items of a request, each with its resource.
macro_rules! items {
    ($groups:expr, $scopes:ident, $items:ident, $item:ident) => {{
        let groups = $groups.into_iter().flat_map(|group| {
            let resource = attributes(group.resource.unwrap_or_default().attributes);
            let items = group.$scopes.into_iter().flat_map(|scope| scope.$items);
            items.map(move |item| $item::new(item, &resource))
        });
        groups.collect()
    }};
}

pub(crate) fn spans(request: ExportTraceServiceRequest) -> Vec<ReceivedSpan> {
    items!(request.resource_spans, scope_spans, spans, ReceivedSpan)
}

pub(crate) fn metrics(request: ExportMetricsServiceRequest) -> Vec<ReceivedMetric> {
    items!(request.resource_metrics, scope_metrics, metrics, ReceivedMetric)
}

pub(crate) fn logs(request: ExportLogsServiceRequest) -> Vec<ReceivedLog> {
    items!(request.resource_logs, scope_logs, log_records, ReceivedLog)
}

fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    pairs.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
}

fn value(any: Option<AnyValue>) -> Value {
    match any.and_then(|any| any.value) {
        // Only profiles have an index into a string table.
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        Some(Any::BoolValue(value)) => value.into(),
        Some(Any::IntValue(value)) => value.into(),
        Some(Any::DoubleValue(value)) => value.into(),
        Some(Any::StringValue(value)) => value.into(),
        Some(Any::BytesValue(value)) => hex(&value).into(),
        Some(Any::ArrayValue(list)) => {
            list.values.into_iter().map(|any| value(Some(any))).collect()
        }
        Some(Any::KvlistValue(list)) => attributes(list.values).into_iter().collect(),
    }
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn optional_id(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| hex(bytes))
}

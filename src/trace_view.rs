//! A trace prepared for reading: rows in the order of the tree, with durations as people write them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, Status};
use opentelemetry_sdk::trace::SpanData;
use serde::Serialize;
use serde_json::{Value, json};

use crate::recent_traces::RecentTrace;

/// A trace in the list.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    trace_id: String,
    name: String,
    started_at: String,
    duration_ms: f64,
    status: &'static str,
    span_count: usize,
}

/// A trace on the page.
#[derive(Debug, Serialize)]
pub(crate) struct TraceView {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    duration: String,
    dropped_spans: usize,
    service: String,
    /// The rows of the waterfall, as `trace.html.j2` uses them.
    spans: Vec<Value>,
}

impl TraceView {
    /// Views of these traces, by their start.
    pub(crate) fn newest_first(traces: &[RecentTrace], service: &str) -> Vec<Self> {
        let mut views: Vec<_> = traces.iter().map(|trace| Self::new(trace, service)).collect();
        // The store orders traces by the end of their first span. These texts sort as times do.
        views.sort_by(|a, b| b.summary.started_at.cmp(&a.summary.started_at));
        views
    }

    fn new(trace: &RecentTrace, service: &str) -> Self {
        let start = trace.spans.iter().map(|span| span.start_time).min();
        let start = start.unwrap_or(SystemTime::UNIX_EPOCH);
        let end = trace.spans.iter().map(|span| span.end_time).max().unwrap_or(start);
        let whole = end.duration_since(start).unwrap_or_default();
        let rows = tree(&trace.spans);
        let failed = trace.spans.iter().any(|span| matches!(span.status, Status::Error { .. }));
        Self {
            duration: readable(whole),
            dropped_spans: trace.omitted,
            service: service.to_owned(),
            spans: rows.iter().map(|(span, depth)| row(span, *depth, start, whole)).collect(),
            summary: Summary {
                trace_id: trace.trace_id.to_string(),
                name: rows.first().map_or_else(String::new, |(span, _)| span.name.to_string()),
                started_at: humantime::format_rfc3339_millis(start).to_string(),
                duration_ms: (whole.as_secs_f64() * 1e6).round() / 1e3,
                status: if failed { "error" } else { "unset" },
                span_count: trace.spans.len(),
            },
        }
    }
}

/// Spans and their depths in the order of a waterfall: a parent before its children, siblings by
/// their start. A span whose parent is remote or has not ended yet counts as a root.
fn tree(spans: &[Arc<SpanData>]) -> Vec<(&Arc<SpanData>, usize)> {
    let here: HashSet<SpanId> = spans.iter().map(|span| span.span_context.span_id()).collect();
    let mut children: HashMap<Option<SpanId>, Vec<&Arc<SpanData>>> = HashMap::new();
    for span in spans {
        let parent = Some(span.parent_span_id).filter(|id| here.contains(id));
        children.entry(parent).or_default().push(span);
    }
    for siblings in children.values_mut() {
        // Latest first: the stack reverses them.
        siblings.sort_by_key(|span| std::cmp::Reverse(span.start_time));
    }
    let mut rows = Vec::with_capacity(spans.len());
    let roots = children.remove(&None).unwrap_or_default();
    let mut stack: Vec<_> = roots.into_iter().map(|span| (span, 0)).collect();
    while let Some((span, depth)) = stack.pop() {
        rows.push((span, depth));
        let below = children.remove(&Some(span.span_context.span_id())).unwrap_or_default();
        stack.extend(below.into_iter().map(|child| (child, depth + 1)));
    }
    rows
}

/// A row of the waterfall. Its bar is in percent of the whole trace.
fn row(span: &SpanData, depth: usize, start: SystemTime, whole: Duration) -> Value {
    let since_start = |time: SystemTime| time.duration_since(start).unwrap_or_default();
    let offset = since_start(span.start_time);
    let duration = span.end_time.duration_since(span.start_time).unwrap_or_default();
    let percent = |part: Duration| {
        let percent = 100.0 * part.as_secs_f64() / whole.as_secs_f64().max(1e-9);
        (percent.clamp(0.0, 100.0) * 100.0).round() / 100.0
    };
    let (status, status_message) = match &span.status {
        Status::Unset => ("unset", ""),
        Status::Ok => ("ok", ""),
        Status::Error { description } => ("error", &**description),
    };
    let parent_id = (span.parent_span_id != SpanId::INVALID).then_some(span.parent_span_id);
    let events = span.events.iter().map(|event| {
        json!({
            "name": event.name,
            "offset": readable(since_start(event.timestamp)),
            "attributes": attributes(&event.attributes),
        })
    });
    let links = span.links.iter().map(|link| {
        json!({
            "trace_id": link.span_context.trace_id().to_string(),
            "span_id": link.span_context.span_id().to_string(),
            "attributes": attributes(&link.attributes),
        })
    });
    json!({
        "span_id": span.span_context.span_id().to_string(),
        "parent_id": parent_id.map(|id| id.to_string()),
        "name": span.name,
        "kind": format!("{:?}", span.span_kind).to_lowercase(),
        "depth": depth,
        "offset": readable(offset),
        "duration": readable(duration),
        "left": percent(offset),
        "width": percent(duration),
        "status": status,
        "status_message": status_message,
        "scope": span.instrumentation_scope.name(),
        "attributes": attributes(&span.attributes),
        "events": events.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
    })
}

fn attributes(attributes: &[KeyValue]) -> Vec<Value> {
    let view = |kv: &KeyValue| json!({ "key": kv.key.as_str(), "value": kv.value.as_str() });
    attributes.iter().map(view).collect()
}

/// `12 µs`, `3.4 ms`, `1.25 s`.
fn readable(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

//! A trace prepared for reading: rows in the order of the tree, with durations as people write them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use serde::Serialize;

use crate::recent_traces::RecentTrace;

/// A trace, for the page and for the list.
#[derive(Debug, Serialize)]
pub(crate) struct TraceView {
    pub(crate) trace_id: String,
    pub(crate) name: String,
    pub(crate) started_at: String,
    duration: String,
    pub(crate) duration_ms: f64,
    pub(crate) status: &'static str,
    pub(crate) span_count: usize,
    dropped_spans: usize,
    services: [String; 1],
    jaeger_url: Option<String>,
    json_url: String,
    spans: Vec<SpanView>,
}

#[derive(Debug, Serialize)]
struct SpanView {
    span_id: String,
    parent_id: Option<String>,
    name: String,
    kind: &'static str,
    depth: usize,
    offset: String,
    duration: String,
    /// Percent of the trace's duration, for the bar.
    left: f64,
    width: f64,
    status: &'static str,
    status_message: String,
    scope: String,
    attributes: Vec<AttributeView>,
    events: Vec<EventView>,
    links: Vec<LinkView>,
}

#[derive(Debug, Serialize)]
struct AttributeView {
    key: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct EventView {
    name: String,
    offset: String,
    attributes: Vec<AttributeView>,
}

#[derive(Debug, Serialize)]
struct LinkView {
    trace_id: String,
    span_id: String,
    attributes: Vec<AttributeView>,
}

impl TraceView {
    /// Views of these traces, by their start.
    pub(crate) fn newest_first(
        traces: &[RecentTrace],
        service: &str,
        jaeger_ui: Option<&str>,
    ) -> Vec<Self> {
        let mut views: Vec<_> = traces.iter().map(|t| Self::new(t, service, jaeger_ui)).collect();
        // The store orders traces by the end of their first span. These texts sort as times do.
        views.sort_by(|a, b| b.started_at.cmp(&a.started_at));
        views
    }

    fn new(trace: &RecentTrace, service: &str, jaeger_ui: Option<&str>) -> Self {
        let start = trace.spans.iter().map(|span| span.start_time).min();
        let start = start.unwrap_or(SystemTime::UNIX_EPOCH);
        let end = trace.spans.iter().map(|span| span.end_time).max().unwrap_or(start);
        let whole = end.duration_since(start).unwrap_or_default();
        let rows = tree(&trace.spans);
        let failed = trace.spans.iter().any(|span| matches!(span.status, Status::Error { .. }));
        let trace_id = trace.trace_id.to_string();
        Self {
            name: rows.first().map_or_else(String::new, |(span, _)| span.name.to_string()),
            started_at: humantime::format_rfc3339_millis(start).to_string(),
            duration: readable(whole),
            duration_ms: (whole.as_secs_f64() * 1e6).round() / 1e3,
            status: if failed { "error" } else { "unset" },
            span_count: trace.spans.len(),
            dropped_spans: trace.omitted,
            services: [service.to_owned()],
            jaeger_url: jaeger_ui
                .map(|ui| format!("{}/trace/{trace_id}", ui.trim_end_matches('/'))),
            json_url: format!("/api/traces/{trace_id}"),
            spans: rows
                .iter()
                .map(|(span, depth)| SpanView::new(span, *depth, start, whole))
                .collect(),
            trace_id,
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

impl SpanView {
    fn new(span: &SpanData, depth: usize, start: SystemTime, whole: Duration) -> Self {
        let offset = span.start_time.duration_since(start).unwrap_or_default();
        let duration = span.end_time.duration_since(span.start_time).unwrap_or_default();
        let percent = |part: Duration| {
            let percent = 100.0 * part.as_secs_f64() / whole.as_secs_f64().max(1e-9);
            (percent.clamp(0.0, 100.0) * 100.0).round() / 100.0
        };
        let (status, status_message) = match &span.status {
            Status::Unset => ("unset", String::new()),
            Status::Ok => ("ok", String::new()),
            Status::Error { description } => ("error", description.to_string()),
        };
        Self {
            span_id: span.span_context.span_id().to_string(),
            parent_id: (span.parent_span_id != SpanId::INVALID)
                .then(|| span.parent_span_id.to_string()),
            name: span.name.to_string(),
            kind: match span.span_kind {
                SpanKind::Client => "client",
                SpanKind::Server => "server",
                SpanKind::Producer => "producer",
                SpanKind::Consumer => "consumer",
                SpanKind::Internal => "internal",
            },
            depth,
            offset: readable(offset),
            duration: readable(duration),
            left: percent(offset),
            width: percent(duration),
            status,
            status_message,
            scope: span.instrumentation_scope.name().to_owned(),
            attributes: attributes(&span.attributes),
            events: span
                .events
                .iter()
                .map(|event| EventView {
                    name: event.name.to_string(),
                    offset: readable(event.timestamp.duration_since(start).unwrap_or_default()),
                    attributes: attributes(&event.attributes),
                })
                .collect(),
            links: span
                .links
                .iter()
                .map(|link| LinkView {
                    trace_id: link.span_context.trace_id().to_string(),
                    span_id: link.span_context.span_id().to_string(),
                    attributes: attributes(&link.attributes),
                })
                .collect(),
        }
    }
}

fn attributes(attributes: &[KeyValue]) -> Vec<AttributeView> {
    let view = |kv: &KeyValue| AttributeView {
        key: kv.key.to_string(),
        value: kv.value.as_str().into_owned(),
    };
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

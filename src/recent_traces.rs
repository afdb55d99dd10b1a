//! The store of recent traces, bounded in traces and in bytes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use opentelemetry::trace::TraceId;
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_autoconfigure::SpanListener;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use runner::options::described;
use tokio::sync::watch;

/// Bounds of the store.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentTracesLimits {
    /// Maximum number of recent traces kept for the page; 0 disables them
    #[arg(long = "recent-traces-max", env = "RECENT_TRACES_MAX", value_name = "TRACES",
          default_value_t = Self::default().max_traces,
          value_parser = described("an integer of at least 0", usize::from_str))]
    pub max_traces: usize,

    /// Maximum size of the recent traces, in bytes
    #[arg(long = "recent-traces-max-bytes", env = "RECENT_TRACES_MAX_BYTES", value_name = "BYTES",
          default_value_t = Self::default().max_bytes,
          value_parser = described("an integer of at least 0", usize::from_str))]
    pub max_bytes: usize,
}

impl Default for RecentTracesLimits {
    /// 100 traces: more than a screen shows, few enough to render in milliseconds. 8 MiB: traces
    /// of many spans must not fill the memory of a small container.
    fn default() -> Self {
        Self { max_traces: 100, max_bytes: 8 << 20 }
    }
}

/// The spans of the latest traces that have ended in this process.
#[derive(Debug)]
pub struct RecentTraces {
    pub(crate) limits: RecentTracesLimits,
    store: watch::Sender<Store>,
}

#[derive(Debug)]
pub(crate) struct Store {
    traces: HashMap<TraceId, RecentTrace>,
    /// Oldest first, by the end of each trace's first span.
    order: VecDeque<TraceId>,
    bytes: usize,
    resource: Resource,
    /// Increases whenever the traces change.
    pub(crate) version: u64,
}

/// The spans of one trace.
#[derive(Clone, Debug)]
pub struct RecentTrace {
    /// Its id.
    pub trace_id: TraceId,
    /// In the order in which they ended.
    pub spans: Vec<Arc<SpanData>>,
    /// Spans left out, because this trace alone would have filled the store.
    pub omitted: usize,
    bytes: usize,
}

impl RecentTraces {
    /// An empty store with these limits.
    #[must_use]
    pub fn new(limits: RecentTracesLimits) -> Self {
        let store = Store {
            traces: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            resource: Resource::builder_empty().build(),
            version: 0,
        };
        Self { limits, store: watch::Sender::new(store) }
    }

    /// The traces, newest first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<RecentTrace> {
        let store = self.store.borrow();
        store.order.iter().rev().filter_map(|id| store.traces.get(id)).cloned().collect()
    }

    /// One trace.
    #[must_use]
    pub fn get(&self, trace_id: TraceId) -> Option<RecentTrace> {
        self.store.borrow().traces.get(&trace_id).cloned()
    }

    /// The resource of all spans.
    #[must_use]
    pub fn resource(&self) -> Resource {
        self.store.borrow().resource.clone()
    }

    /// Announces every change of the traces.
    pub(crate) fn changes(&self) -> watch::Receiver<Store> {
        self.store.subscribe()
    }
}

impl SpanListener for RecentTraces {
    /// Copies the spans of those traces that the store will still hold after this batch.
    ///
    /// Under load one batch has more traces than the store holds. Copies of all but the latest
    /// would be dropped at once.
    fn on_batch(&self, spans: &[SpanData]) {
        let mut kept: HashSet<TraceId> = HashSet::new();
        for span in spans.iter().rev() {
            let trace_id = span.span_context.trace_id();
            if kept.len() == self.limits.max_traces && !kept.contains(&trace_id) {
                break;
            }
            kept.insert(trace_id);
        }
        self.store.send_modify(|store| {
            for span in spans {
                let trace_id = span.span_context.trace_id();
                if kept.contains(&trace_id) {
                    store.insert(span, trace_id, self.limits.max_bytes);
                }
            }
            while store.order.len() > self.limits.max_traces || store.bytes > self.limits.max_bytes
            {
                store.evict_oldest();
            }
            store.version += 1;
        });
    }

    fn set_resource(&self, resource: &Resource) {
        self.store.send_modify(|store| store.resource = resource.clone());
    }
}

impl Store {
    fn insert(&mut self, span: &SpanData, trace_id: TraceId, max_bytes: usize) {
        let size = size(span);
        let order = &mut self.order;
        let trace = self.traces.entry(trace_id).or_insert_with(|| {
            order.push_back(trace_id);
            RecentTrace { trace_id, spans: Vec::new(), omitted: 0, bytes: 0 }
        });
        // One endless trace must not evict all others, and itself in the end.
        if trace.bytes + size > max_bytes / 2 {
            trace.omitted += 1;
            return;
        }
        trace.spans.push(Arc::new(span.clone()));
        trace.bytes += size;
        self.bytes += size;
    }

    fn evict_oldest(&mut self) {
        let oldest = self.order.pop_front().and_then(|id| self.traces.remove(&id));
        self.bytes -= oldest.map_or(self.bytes, |trace| trace.bytes);
    }
}

/// The approximate size of a span in memory.
fn size(span: &SpanData) -> usize {
    let attributes = |kvs: &[KeyValue]| -> usize {
        let text = |kv: &KeyValue| match &kv.value {
            Value::String(text) => text.as_str().len(),
            Value::Array(Array::String(texts)) => texts.iter().map(|t| 16 + t.as_str().len()).sum(),
            _ => 0,
        };
        kvs.iter().map(|kv| size_of::<KeyValue>() + text(kv)).sum()
    };
    let events = span.events.iter().map(|e| size_of_val(e) + attributes(&e.attributes));
    let links = span.links.iter().map(|l| size_of_val(l) + attributes(&l.attributes));
    size_of::<SpanData>()
        + attributes(&span.attributes)
        + events.sum::<usize>()
        + links.sum::<usize>()
}

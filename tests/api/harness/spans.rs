//! Real spans of a real SDK, kept in memory.

use std::fmt::Write;
use std::time::Duration;

use opentelemetry::trace::{Event, Status, TracerProvider};
use opentelemetry::{SpanId, TraceId, Value};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracer, SdkTracerProvider, SimpleSpanProcessor, SpanData,
};

use super::eventually;

/// Where the spans of one test end up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(InMemorySpanExporter);

impl Spans {
    /// For a pipeline that is built elsewhere.
    pub(crate) fn processor(&self) -> SimpleSpanProcessor<InMemorySpanExporter> {
        SimpleSpanProcessor::new(self.0.clone())
    }

    /// A pipeline of the test's own. The tracer keeps its provider alive.
    pub(crate) fn tracer(&self) -> (SdkTracerProvider, SdkTracer) {
        let provider = SdkTracerProvider::builder().with_span_processor(self.processor()).build();
        let tracer = provider.tracer("test");
        (provider, tracer)
    }

    /// What has ended by now, in the order in which it ended.
    pub(crate) fn all(&self) -> Vec<SpanData> {
        self.0.get_finished_spans().expect("spans are kept")
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.all().iter().map(|span| span.name.to_string()).collect()
    }

    /// The one span there is.
    pub(crate) fn only(&self) -> SpanData {
        let [span] = self.all().try_into().unwrap_or_else(|all| panic!("not one span: {all:#?}"));
        span
    }

    /// The one span of this name.
    pub(crate) fn named(&self, name: &str) -> SpanData {
        let all = self.all().into_iter().filter(|span| span.name == name).collect::<Vec<_>>();
        let names = self.names();
        let [span] = all.try_into().unwrap_or_else(|_| panic!("not one {name:?} in {names:?}"));
        span
    }

    /// Waits for the one span of a request that goes on behind a socket.
    pub(crate) async fn ended(&self) -> SpanData {
        self.ended_count(1).await;
        self.only()
    }

    /// Waits until this many spans have ended.
    pub(crate) async fn ended_count(&self, count: usize) -> Vec<SpanData> {
        eventually(&format!("{count} spans end"), || self.all().len() >= count).await;
        self.all()
    }

    pub(crate) fn forget(&self) {
        self.0.reset();
    }
}

/// What tests ask of a span.
pub(crate) trait SpanDataExt {
    fn value(&self, key: &str) -> Option<&Value>;
    fn text(&self, key: &str) -> Option<String>;
    fn int(&self, key: &str) -> Option<i64>;
    fn event(&self, name: &str) -> Option<&Event>;
    fn duration(&self) -> Duration;
    fn trace_id(&self) -> TraceId;
    fn id(&self) -> SpanId;
    fn is_child_of(&self, parent: &SpanData) -> bool;
    fn is_error(&self) -> bool;
    fn description(&self) -> &str;
}

impl SpanDataExt for SpanData {
    fn value(&self, key: &str) -> Option<&Value> {
        let mut found = self.attributes.iter().filter(|kv| kv.key.as_str() == key);
        let value = found.next().map(|kv| &kv.value);
        assert!(found.next().is_none(), "{key} is there twice: {:?}", self.attributes);
        value
    }

    fn text(&self, key: &str) -> Option<String> {
        self.value(key).map(|value| match value {
            Value::String(text) => text.as_str().to_owned(),
            other => panic!("{key} is no text: {other:?}"),
        })
    }

    fn int(&self, key: &str) -> Option<i64> {
        self.value(key).map(|value| match value {
            Value::I64(int) => *int,
            other => panic!("{key} is no integer: {other:?}"),
        })
    }

    fn event(&self, name: &str) -> Option<&Event> {
        self.events.iter().find(|event| event.name == name)
    }

    fn duration(&self) -> Duration {
        self.end_time.duration_since(self.start_time).expect("a span ends after its start")
    }

    fn trace_id(&self) -> TraceId {
        self.span_context.trace_id()
    }

    fn id(&self) -> SpanId {
        self.span_context.span_id()
    }

    fn is_child_of(&self, parent: &SpanData) -> bool {
        self.trace_id() == parent.trace_id()
            && self.parent_span_id == parent.id()
            && self.start_time >= parent.start_time
    }

    fn is_error(&self) -> bool {
        matches!(self.status, Status::Error { .. })
    }

    fn description(&self) -> &str {
        match &self.status {
            Status::Error { description } => description,
            other => panic!("{} is no error: {other:?}", self.name),
        }
    }
}

/// The tree of spans as text: a line each, with kind and name, children indented, by their start.
pub(crate) fn tree(spans: &[SpanData]) -> String {
    fn below(spans: &[SpanData], parent: Option<SpanId>, depth: usize, text: &mut String) {
        let here = |id: SpanId| spans.iter().any(|span| span.id() == id);
        let mut level: Vec<_> = spans
            .iter()
            .filter(|span| Some(span.parent_span_id).filter(|id| here(*id)) == parent)
            .collect();
        level.sort_by_key(|span| span.start_time);
        for span in level {
            let indent = "  ".repeat(depth);
            writeln!(text, "{indent}{:?} {}", span.span_kind, span.name).expect("texts grow");
            below(spans, Some(span.id()), depth + 1, text);
        }
    }
    let mut text = String::new();
    below(spans, None, 0, &mut text);
    text
}

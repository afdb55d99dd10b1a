//! Spans of the SDK, in memory.

use std::fmt::Write;
use std::time::Duration;

use opentelemetry::trace::Status;
use opentelemetry::{SpanId, TraceId, Value};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanData};

/// The spans of one test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(InMemorySpanExporter);

impl Spans {
    /// The processor that collects them.
    pub(crate) fn processor(&self) -> SimpleSpanProcessor<InMemorySpanExporter> {
        SimpleSpanProcessor::new(self.0.clone())
    }

    /// The ended spans, in the order in which they ended.
    pub(crate) fn all(&self) -> Vec<SpanData> {
        self.0.get_finished_spans().expect("spans are in memory")
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.all().iter().map(|span| span.name.to_string()).collect()
    }

    /// The only span.
    pub(crate) fn only(&self) -> SpanData {
        let [span] = self.all().try_into().unwrap_or_else(|all| panic!("not one span: {all:#?}"));
        span
    }

    /// The only span of this name.
    pub(crate) fn named(&self, name: &str) -> SpanData {
        let all = self.all().into_iter().filter(|span| span.name == name).collect::<Vec<_>>();
        let names = self.names();
        let [span] = all.try_into().unwrap_or_else(|_| panic!("not one {name:?} in {names:?}"));
        span
    }
}

/// Accessors of a span for assertions.
pub(crate) trait SpanDataExt {
    fn value(&self, key: &str) -> Option<&Value>;
    fn text(&self, key: &str) -> Option<&str>;
    fn int(&self, key: &str) -> Option<i64>;
    fn exception_message(&self) -> Option<String>;
    fn duration(&self) -> Duration;
    fn trace_id(&self) -> TraceId;
    fn id(&self) -> SpanId;
    fn is_child_of(&self, parent: &SpanData) -> bool;
    fn is_error(&self) -> bool;
}

impl SpanDataExt for SpanData {
    fn value(&self, key: &str) -> Option<&Value> {
        let mut found = self.attributes.iter().filter(|kv| kv.key.as_str() == key);
        let value = found.next().map(|kv| &kv.value);
        assert!(found.next().is_none(), "{key} is present twice: {:?}", self.attributes);
        value
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.value(key).map(|value| match value {
            Value::String(text) => text.as_str(),
            other => panic!("{key} is not a string: {other:?}"),
        })
    }

    fn int(&self, key: &str) -> Option<i64> {
        self.value(key).map(|value| match value {
            Value::I64(int) => *int,
            other => panic!("{key} is not an integer: {other:?}"),
        })
    }

    fn exception_message(&self) -> Option<String> {
        let event = self.events.iter().find(|event| event.name == "exception")?;
        let mut attributes = event.attributes.iter();
        let message = attributes.find(|kv| kv.key.as_str() == "exception.message")?;
        Some(message.value.to_string())
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
}

/// The tree of spans as text: one line each with kind and name, children indented, by their start.
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
            writeln!(text, "{indent}{:?} {}", span.span_kind, span.name).expect("a string grows");
            below(spans, Some(span.id()), depth + 1, text);
        }
    }
    let mut text = String::new();
    below(spans, None, 0, &mut text);
    text
}

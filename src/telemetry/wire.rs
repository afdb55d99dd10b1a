//! Spans as OTLP protobuf, written straight from what the SDK hands over.
//!
//! The SDK's own exporter copies each batch, turns it into a tree of owned messages and encodes
//! that: some 60 allocations a span, all to be freed again. Here a span is read once, and its
//! bytes are all that is kept for another try.
//!
//! Source: `opentelemetry/proto/trace/v1/trace.proto` and its imports.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry::trace::{Link, SpanContext, SpanKind, Status};
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

/// What a request's span takes, about: an estimate that saves growing the buffer step by step.
const SPAN_BYTES: usize = 640;

/// `SpanFlags`: whether the flags know if the parent is remote, and that it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Spans as an `ExportTraceServiceRequest` of OTLP, encoded.
#[must_use]
pub fn export_request(resource: &Resource, spans: &[SpanData]) -> Bytes {
    let mut out = Message(Vec::with_capacity(spans.len() * SPAN_BYTES + 512));
    out.message(1, Size::Large, |out| {
        out.message(1, Size::Small, |out| {
            for (key, value) in resource {
                out.message(1, Size::Small, |out| out.attribute(key.as_str(), value));
            }
        });
        for spans in by_scope(spans) {
            out.message(2, Size::Large, |out| {
                let scope = &spans[0].instrumentation_scope;
                out.message(1, Size::Small, |out| out.scope(scope));
                for span in &spans {
                    out.message(2, Size::Medium, |out| out.span(span));
                }
                out.text(3, scope.schema_url().unwrap_or_default());
            });
        }
        out.text(3, resource.schema_url().unwrap_or_default());
    });
    out.0.into()
}

/// The spans of each scope, in the order in which the scopes come. There are a handful of them.
fn by_scope(spans: &[SpanData]) -> Vec<Vec<&SpanData>> {
    let mut scopes: Vec<Vec<&SpanData>> = Vec::new();
    for span in spans {
        let scope = &span.instrumentation_scope;
        let same = scopes.iter_mut().find(|spans| spans[0].instrumentation_scope == *scope);
        match same {
            Some(spans) => spans.push(span),
            None => scopes.push(vec![span]),
        }
    }
    scopes
}

/// How long a message will be, about: it says how much room its length gets before it is known.
#[derive(Clone, Copy)]
enum Size {
    /// Below 128 bytes.
    Small = 1,
    /// Below 16 KiB.
    Medium = 2,
    /// Below 2 MiB.
    Large = 3,
}

/// A message that is being written.
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(low_bits(value) | 0x80);
            value >>= 7;
        }
        self.0.push(low_bits(value));
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// A number that is left out where it is zero, as proto3 has it.
    fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.key(field, 0);
            self.varint(value);
        }
    }

    fn fixed64(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.key(field, 1);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn fixed32(&mut self, field: u32, value: u32) {
        if value != 0 {
            self.key(field, 5);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Bytes, there even if they are empty: a member of a `oneof`.
    fn present(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.present(field, bytes);
        }
    }

    fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// A message within this one.
    fn message(&mut self, field: u32, size: Size, write: impl FnOnce(&mut Self)) {
        const ROOM: [u8; 3] = [0; 3];
        self.key(field, 2);
        let room = size as usize;
        let start = self.0.len();
        self.0.extend_from_slice(&ROOM[..room]);
        write(self);
        let length = self.0.len() - start - room;
        let needed = varint_len(length as u64);
        if needed != room {
            // The guess was wrong: what has been written moves.
            let end = self.0.len();
            if needed > room {
                self.0.resize(end + needed - room, 0);
            }
            self.0.copy_within(start + room..end, start + needed);
            self.0.truncate(start + needed + length);
        }
        let mut rest = length as u64;
        for byte in &mut self.0[start..start + needed] {
            *byte = low_bits(rest) | 0x80;
            rest >>= 7;
        }
        self.0[start + needed - 1] &= 0x7f;
    }

    fn attribute(&mut self, key: &str, value: &Value) {
        self.text(1, key);
        // 128 bytes and more are rare: a user agent, a query.
        self.message(2, Size::Small, |out| out.value(value));
    }

    fn attributes(&mut self, field: u32, attributes: &[KeyValue]) {
        for KeyValue { key, value, .. } in attributes {
            self.message(field, Size::Small, |out| out.attribute(key.as_str(), value));
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Bool(value) => self.boolean(*value),
            Value::I64(value) => self.integer(*value),
            Value::F64(value) => self.double(*value),
            Value::String(value) => self.present(1, value.as_str().as_bytes()),
            Value::Array(array) => self.message(5, Size::Small, |out| out.array(array)),
            // A kind that a later version of the API may have.
            other => self.present(1, other.as_str().as_bytes()),
        }
    }

    fn boolean(&mut self, value: bool) {
        self.key(2, 0);
        self.varint(value.into());
    }

    fn integer(&mut self, value: i64) {
        self.key(3, 0);
        self.varint(value.cast_unsigned());
    }

    fn double(&mut self, value: f64) {
        self.key(4, 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn array(&mut self, array: &Array) {
        let mut each = |write: &dyn Fn(&mut Self)| self.message(1, Size::Small, |out| write(out));
        match array {
            Array::Bool(values) => values.iter().for_each(|v| each(&|out| out.boolean(*v))),
            Array::I64(values) => values.iter().for_each(|v| each(&|out| out.integer(*v))),
            Array::F64(values) => values.iter().for_each(|v| each(&|out| out.double(*v))),
            Array::String(values) => {
                for text in values {
                    each(&|out| out.present(1, text.as_str().as_bytes()));
                }
            }
            // As above.
            other => each(&|out| out.present(1, other.to_string().as_bytes())),
        }
    }

    fn scope(&mut self, scope: &InstrumentationScope) {
        self.text(1, scope.name());
        self.text(2, scope.version().unwrap_or_default());
        for KeyValue { key, value, .. } in scope.attributes() {
            self.message(3, Size::Small, |out| out.attribute(key.as_str(), value));
        }
    }

    fn span(&mut self, span: &SpanData) {
        self.ids(&span.span_context);
        if span.parent_span_id != opentelemetry::trace::SpanId::INVALID {
            self.bytes(4, &span.parent_span_id.to_bytes());
        }
        self.text(5, &span.name);
        self.number(
            6,
            match span.span_kind {
                SpanKind::Internal => 1,
                SpanKind::Server => 2,
                SpanKind::Client => 3,
                SpanKind::Producer => 4,
                SpanKind::Consumer => 5,
            },
        );
        self.fixed64(7, nanos(span.start_time));
        self.fixed64(8, nanos(span.end_time));
        self.attributes(9, &span.attributes);
        self.number(10, span.dropped_attributes_count.into());
        for event in &span.events.events {
            self.message(11, Size::Medium, |out| {
                out.fixed64(1, nanos(event.timestamp));
                out.text(2, &event.name);
                out.attributes(3, &event.attributes);
                out.number(4, event.dropped_attributes_count.into());
            });
        }
        self.number(12, span.events.dropped_count.into());
        for link in &span.links.links {
            self.message(13, Size::Small, |out| out.link(link));
        }
        self.number(14, span.links.dropped_count.into());
        self.message(15, Size::Small, |out| match &span.status {
            Status::Unset => {}
            Status::Ok => out.number(3, 1),
            Status::Error { description } => {
                out.text(2, description);
                out.number(3, 2);
            }
        });
        self.fixed32(16, flags(&span.span_context, span.parent_span_is_remote));
    }

    /// Fields 1 to 3 of spans and links alike.
    fn ids(&mut self, context: &SpanContext) {
        self.bytes(1, &context.trace_id().to_bytes());
        self.bytes(2, &context.span_id().to_bytes());
        self.text(3, &context.trace_state().header());
    }

    fn link(&mut self, link: &Link) {
        self.ids(&link.span_context);
        self.attributes(4, &link.attributes);
        self.number(5, link.dropped_attributes_count.into());
        self.fixed32(6, flags(&link.span_context, link.span_context.is_remote()));
    }
}

/// The seven bits that a varint's byte takes.
fn low_bits(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

fn varint_len(value: u64) -> usize {
    // 7 bits a byte, and one byte for zero.
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn flags(context: &SpanContext, remote: bool) -> u32 {
    let remote = if remote { IS_REMOTE } else { 0 };
    u32::from(context.trace_flags().to_u8()) | HAS_IS_REMOTE | remote
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Event, SpanId, TraceFlags, TraceId, TraceState};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use prost::Message as _;

    use super::*;

    fn context(trace_id: u128, remote: bool, state: &str) -> SpanContext {
        let state = state.parse::<TraceState>().expect("a trace state");
        SpanContext::new(
            TraceId::from(trace_id),
            SpanId::from(7),
            TraceFlags::SAMPLED,
            remote,
            state,
        )
    }

    fn span(name: &'static str, scope: &'static str) -> SpanData {
        SpanData {
            span_context: context(1 << 100, false, ""),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Server,
            name: name.into(),
            start_time: UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 123),
            end_time: UNIX_EPOCH + std::time::Duration::new(1_700_000_001, 0),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder(scope)
                .with_version("1")
                .with_schema_url("https://example.com/schema")
                .with_attributes([KeyValue::new("scope", true)])
                .build(),
        }
    }

    /// What a real receiver reads must be what the SDK's own exporter would have sent.
    fn assert_same_as_the_sdk(spans: Vec<SpanData>) {
        let resource = Resource::builder_empty()
            .with_schema_url([KeyValue::new("service.name", "tested")], "https://example.com/r")
            .build();
        let bytes = export_request(&resource, &spans);
        let ours = ExportTraceServiceRequest::decode(bytes.clone()).expect("it is valid");
        let theirs = group_spans_by_resource_and_scope(spans, &(&resource).into());
        assert_eq!(ours.resource_spans, theirs);
        assert_eq!(ours.encode_to_vec(), bytes, "and as short as it can be");
    }

    #[test]
    fn a_span_with_everything_reads_as_the_sdk_writes_it() {
        let texts = vec!["a".into(), String::new().into(), "long".repeat(99).into()];
        let attributes = vec![
            KeyValue::new("text", "value"),
            KeyValue::new("empty", ""),
            KeyValue::new("bool", false),
            KeyValue::new("zero", 0),
            KeyValue::new("negative", -1),
            KeyValue::new("double", 0.25),
            KeyValue::new("bools", Value::Array(Array::Bool(vec![true, false]))),
            KeyValue::new("ints", Value::Array(Array::I64(vec![0, i64::MIN]))),
            KeyValue::new("doubles", Value::Array(Array::F64(vec![0.0, f64::MAX]))),
            KeyValue::new("texts", Value::Array(Array::String(texts))),
            KeyValue::new("long", "x".repeat(20_000)),
        ];
        let mut full = span("full", "one");
        full.span_context = context(1, true, "a=1,b=2");
        full.parent_span_id = SpanId::from(9);
        full.parent_span_is_remote = true;
        full.attributes = attributes.clone();
        full.dropped_attributes_count = 3;
        full.status = Status::error("why");
        let at = UNIX_EPOCH + std::time::Duration::from_nanos(5);
        full.events.events = vec![Event::new("event", at, attributes.clone(), 300)];
        full.events.dropped_count = 1;
        full.links.links = vec![Link::new(context(2, true, "c=3"), attributes, 1)];
        full.links.dropped_count = 2;
        assert_same_as_the_sdk(vec![full]);
    }

    #[test]
    fn scopes_are_told_apart_and_every_kind_and_status_is_told() {
        let mut ok = span("ok", "one");
        ok.status = Status::Ok;
        let mut spans = vec![ok, span("b", "two"), span("", "one")];
        let kinds = [SpanKind::Internal, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
        spans.extend(kinds.map(|span_kind| SpanData { span_kind, ..span("kind", "one") }));
        assert_same_as_the_sdk(spans);
    }

    #[test]
    fn any_length_gets_the_room_that_it_needs() {
        for length in [0, 1, 120, 127, 128, 129, 16_370, 16_383, 16_384, 16_400, 2_097_200] {
            let mut long = span("long", "one");
            long.attributes = vec![KeyValue::new("x", "y".repeat(length))];
            assert_same_as_the_sdk(vec![long]);
        }
    }
}

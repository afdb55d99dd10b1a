//! The limits of a span's contents.

use opentelemetry::trace::{
    Event, Link, Span, SpanBuilder, SpanContext, SpanId, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use std::time::SystemTime;

use super::Row;
use crate::support::{Pair, Pipeline};
use otlp_receiver::ReceivedSpan;
use serde_json::json;

pub(super) const TESTED: &[Row] = &[
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", a_limit_applies_to_what_it_names_and_to_nothing_else),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", a_limit_applies_to_what_it_names_and_to_nothing_else),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", a_limit_applies_to_what_it_names_and_to_nothing_else),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", a_limit_applies_to_what_it_names_and_to_nothing_else),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", a_limit_applies_to_what_it_names_and_to_nothing_else),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", a_limit_applies_to_what_it_names_and_to_nothing_else),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", texts_are_cut_to_a_number_of_characters),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", the_spans_own_length_limit_wins),
];

/// Five of everything.
const FIVE: usize = 5;

fn attributes() -> Vec<KeyValue> {
    (0..FIVE).map(|n| KeyValue::new(format!("key{n}"), "value")).collect()
}

fn link(attributes: Vec<KeyValue>) -> Link {
    let (trace, span) = (TraceId::from(7), SpanId::from(8));
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    Link::new(context, attributes, 0)
}

/// A span of five attributes, events and links, each with five attributes, as it arrives.
#[track_caller]
fn arrived(variables: &[Pair<'_>]) -> ReceivedSpan {
    let now = SystemTime::now();
    let event = |n: usize| Event::new(format!("event{n}"), now, attributes(), 0);
    let mut builder = SpanBuilder::from_name("full").with_attributes(attributes());
    builder.events = Some((0..FIVE).map(event).collect());
    built(variables, builder.with_links((0..FIVE).map(|_| link(attributes())).collect()))
}

#[track_caller]
fn built(variables: &[Pair<'_>], builder: SpanBuilder) -> ReceivedSpan {
    let (receiver, pipeline) = Pipeline::start(variables);
    pipeline.tracer().build(builder).end();
    pipeline.flush();
    receiver.spans().remove(0)
}

#[test]
fn a_limit_applies_to_what_it_names_and_to_nothing_else() {
    const SPAN: &str = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT";
    const EVENT: &str = "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT";
    const LINK: &str = "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT";
    let general = ("OTEL_ATTRIBUTE_COUNT_LIMIT", "2");
    // Attributes, events and links of the span; attributes of its events and links.
    for (variables, kept) in [
        (&[][..], [5, 5, 5, 5, 5]),
        (&[(SPAN, "2")], [2, 5, 5, 5, 5]),
        (&[("OTEL_SPAN_EVENT_COUNT_LIMIT", "2")], [5, 2, 5, 5, 5]),
        (&[("OTEL_SPAN_LINK_COUNT_LIMIT", "0")], [5, 5, 0, 5, 5]),
        (&[(EVENT, "3")], [5, 5, 5, 3, 5]),
        (&[(LINK, "1")], [5, 5, 5, 5, 1]),
        (&[general], [2, 5, 5, 2, 2]),
        (&[general, (SPAN, "4")], [4, 5, 5, 2, 2]),
        (&[general, (EVENT, "4")], [2, 5, 5, 4, 2]),
        (&[general, (LINK, "4")], [2, 5, 5, 2, 4]),
    ] {
        let span = arrived(variables);
        let [attributes, events, links, of_event, of_link] = kept;
        assert_eq!((span.attributes.len(), span.events.len()), (attributes, events));
        assert_eq!(span.links.len(), links, "{variables:?}");
        let dropped = [span.dropped_attributes, span.dropped_events, span.dropped_links];
        assert_eq!(
            dropped,
            [attributes, events, links].map(|kept| 5 - u32::try_from(kept).unwrap())
        );
        for event in &span.events {
            assert_eq!(
                (event.attributes.len(), event.dropped_attributes as usize),
                (of_event, FIVE - of_event)
            );
        }
        assert!(span.links.iter().all(|link| link.attributes.len() == of_link), "{variables:?}");
    }
}

fn of_texts() -> SpanBuilder {
    let list = ["abcdef", "äöüß", "x"].map(StringValue::from).to_vec();
    let texts = || vec![KeyValue::new("text", "grüße, welt")];
    let mut builder = SpanBuilder::from_name("texts").with_attributes([
        KeyValue::new("text", "grüße, welt"),
        KeyValue::new("four", "日本語だ"),
        KeyValue::new("list", Value::Array(Array::String(list))),
        KeyValue::new("number", 1_234_567),
    ]);
    builder.events = Some(vec![Event::new("event", SystemTime::now(), texts(), 0)]);
    builder.with_links(vec![link(texts())])
}

#[test]
fn texts_are_cut_to_a_number_of_characters() {
    let span = built(&[("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")], of_texts());
    assert_eq!(span.attributes["text"], "grü");
    assert_eq!(span.attributes["four"], "日本語");
    assert_eq!(span.attributes["list"], json!(["abc", "äöü", "x"]));
    assert_eq!(span.attributes["number"], 1_234_567);
    assert_eq!(span.events[0].attributes["text"], "grü");
    assert_eq!(span.links[0].attributes["text"], "grü");
}

#[test]
fn the_spans_own_length_limit_wins() {
    let general = ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3");
    let span = built(&[general, ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4")], of_texts());
    assert_eq!(span.attributes["four"], "日本語だ");
    assert_eq!(span.attributes["list"], json!(["abcd", "äöüß", "x"]));
    let span = built(&[("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0")], of_texts());
    assert_eq!(span.attributes["text"], "");
}

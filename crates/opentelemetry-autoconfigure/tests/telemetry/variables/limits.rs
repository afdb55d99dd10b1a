//! The limits of a span's contents.

use opentelemetry::trace::{
    Event, Link, Span, SpanBuilder, SpanContext, SpanId, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use std::time::SystemTime;

use super::Row;
use crate::support::Pair;
use crate::support::Pipeline;
use otlp_receiver::{ReceivedSpan, Receiver};
use serde_json::json;

pub(super) const TESTED: &[Row] = &[
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", a_span_keeps_as_many_attributes_as_its_limit_allows),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", a_span_keeps_as_many_events_as_its_limit_allows),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", a_span_keeps_as_many_links_as_its_limit_allows),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", an_event_keeps_as_many_attributes_as_its_limit_allows),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", a_link_keeps_as_many_attributes_as_its_limit_allows),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", the_general_limit_holds_where_there_is_no_other),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", texts_are_cut_to_a_number_of_characters),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", the_spans_own_length_limit_wins),
];

/// Five of everything.
const FIVE: usize = 5;

fn attributes() -> Vec<KeyValue> {
    (0..FIVE).map(|n| KeyValue::new(format!("key{n}"), "value")).collect()
}

fn links() -> Vec<Link> {
    let context = || {
        let (trace, span) = (TraceId::from(7), SpanId::from(8));
        SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE)
    };
    (0..FIVE).map(|_| Link::new(context(), attributes(), 0)).collect()
}

/// A span of five attributes, events and links, each with five attributes, as it arrives.
#[track_caller]
fn arrived(variables: &[Pair<'_>]) -> ReceivedSpan {
    let now = SystemTime::now();
    let event = |n: usize| Event::new(format!("event{n}"), now, attributes(), 0);
    let mut builder = SpanBuilder::from_name("full").with_attributes(attributes());
    builder.events = Some((0..FIVE).map(event).collect());
    built(variables, builder.with_links(links()))
}

#[track_caller]
fn built(variables: &[Pair<'_>], builder: SpanBuilder) -> ReceivedSpan {
    let receiver = Receiver::start();
    let pipeline = Pipeline::to(&receiver, variables);
    pipeline.tracer().build(builder).end();
    pipeline.flush();
    receiver.spans().remove(0)
}

#[test]
fn nothing_is_cut_by_default() {
    let span = arrived(&[]);
    assert_eq!((span.attributes.len(), span.events.len(), span.links.len()), (FIVE, FIVE, FIVE));
    assert!(span.events.iter().all(|event| event.attributes.len() == FIVE));
    assert!(span.links.iter().all(|link| link.attributes.len() == FIVE));
    assert_eq!((span.dropped_attributes, span.dropped_events, span.dropped_links), (0, 0, 0));
}

#[test]
fn a_span_keeps_as_many_attributes_as_its_limit_allows() {
    let span = arrived(&[("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")]);
    assert_eq!((span.attributes.len(), span.dropped_attributes), (2, 3));
    assert_eq!(span.events[0].attributes.len(), FIVE);
}

#[test]
fn a_span_keeps_as_many_events_as_its_limit_allows() {
    let span = arrived(&[("OTEL_SPAN_EVENT_COUNT_LIMIT", "2")]);
    assert_eq!((span.events.len(), span.dropped_events), (2, 3));
}

#[test]
fn a_span_keeps_as_many_links_as_its_limit_allows() {
    let span = arrived(&[("OTEL_SPAN_LINK_COUNT_LIMIT", "0")]);
    assert_eq!((span.links.len(), span.dropped_links), (0, 5));
}

#[test]
fn an_event_keeps_as_many_attributes_as_its_limit_allows() {
    let span = arrived(&[("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "3")]);
    let first = &span.events[0];
    assert_eq!((first.attributes.len(), first.dropped_attributes), (3, 2));
    assert_eq!((span.attributes.len(), span.links[0].attributes.len()), (FIVE, FIVE));
}

#[test]
fn a_link_keeps_as_many_attributes_as_its_limit_allows() {
    let span = arrived(&[("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "1")]);
    assert_eq!(span.links[0].attributes.len(), 1);
    assert_eq!((span.attributes.len(), span.events[0].attributes.len()), (FIVE, FIVE));
}

#[test]
fn the_general_limit_holds_where_there_is_no_other() {
    let count = |variables: &[Pair<'_>]| {
        let span = arrived(variables);
        let (event, link) = (&span.events[0], &span.links[0]);
        (span.attributes.len(), event.attributes.len(), link.attributes.len())
    };
    let general = ("OTEL_ATTRIBUTE_COUNT_LIMIT", "2");
    assert_eq!(count(&[general]), (2, 2, 2));
    assert_eq!(count(&[general, ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "4")]), (4, 2, 2));
    assert_eq!(count(&[general, ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "4")]), (2, 4, 2));
    assert_eq!(count(&[general, ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "4")]), (2, 2, 4));
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
    let context = SpanContext::new(
        TraceId::from(7),
        SpanId::from(8),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    builder.with_links(vec![Link::new(context, texts(), 0)])
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

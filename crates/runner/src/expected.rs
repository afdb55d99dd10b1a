//! The vocabulary of `plan`: requests, bodies, spans and attributes as they are expected.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

/// One functional test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Path and query; the method is always GET.
    pub(super) target: &'static str,
    pub(super) status: u16,
    pub(super) body: Body,
    /// The server span and all spans below it.
    pub(super) trace: Span,
}

/// What the body of a response must contain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// This JSON, with its keys in any order.
    Json(&'static str),
    /// A list of this many objects with `id`, `name` and `email`.
    Users(usize),
    /// `status` is `success`, and `duration_ms` is a number.
    Duration,
    /// `hops` lists service and trace id of the responding service and of this many services behind it.
    Hops(usize),
}

/// A span that the trace must contain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) name: &'static str,
    pub(super) kind: SpanKind,
    /// Whether its status is Error. Unset and Ok are equal here: both mean success.
    pub(super) failed: bool,
    /// Required attributes, in addition to those of its kind.
    pub(super) attributes: &'static [Attribute],
    pub(super) events: &'static [Event],
    /// In the order of their start.
    pub(super) children: &'static [Span],
}

/// An attribute's key and its expected value.
pub(super) type Attribute = (&'static str, Expected);

/// What an attribute's value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    Text(&'static str),
    Int(i64),
    Bool(bool),
    /// A text that depends on the deployment; never empty.
    SomeText,
    /// An integer that depends on the deployment.
    SomeInt,
}

/// A required event of a span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) attributes: &'static [Attribute],
}

impl Span {
    /// The same span with status Error and these events.
    pub(super) const fn failed(self, events: &'static [Event]) -> Self {
        Self { failed: true, events, ..self }
    }
}

impl Expected {
    pub(super) fn matches(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(expected), Value::StringValue(found)) => expected == found,
            (Self::Int(expected), Value::IntValue(found)) => expected == *found,
            (Self::Bool(expected), Value::BoolValue(found)) => expected == *found,
            (Self::SomeText, Value::StringValue(found)) => !found.is_empty(),
            (Self::SomeInt, Value::IntValue(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::SomeText => f.write_str("a text"),
            Self::SomeInt => f.write_str("an integer"),
        }
    }
}

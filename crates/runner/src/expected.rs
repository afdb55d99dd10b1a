//! The words that `plan` is written in: requests, bodies, spans and attributes as
//! they are expected.

use std::fmt;

use super::otlp::Value;

/// One functional test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Path and query; the method is always GET.
    pub(super) target: &'static str,
    pub(super) status: u16,
    pub(super) body: Body,
    /// The server span and all below it.
    pub(super) trace: Span,
}

/// What an answer's body must hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// This JSON, whatever the order of its keys.
    Json(&'static str),
    /// A list of this many objects with `id`, `name` and `email`.
    Users(usize),
    /// `status` is `success`, and `duration_ms` a number.
    Duration,
    /// `hops` lists the service and the trace id of the one that answers and of this many more
    /// behind it.
    Hops(usize),
}

/// A span that must be in the trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether its status is Error. Unset and Ok are not told apart: both say that nothing went
    /// wrong.
    pub(super) failed: bool,
    /// Those that it must carry beside its kind's.
    pub(super) attributes: &'static [Attribute],
    pub(super) events: &'static [Event],
    /// In the order they start.
    pub(super) children: &'static [Span],
}

/// The span kinds in use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Internal,
    Server,
    Client,
}

/// An attribute's key, and what its value must be.
pub(super) type Attribute = (&'static str, Expected);

/// What a value must be.
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

/// An event on a span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) attributes: &'static [Attribute],
}

impl Span {
    /// The same with status Error and these events.
    pub(super) const fn failed(self, events: &'static [Event]) -> Self {
        Self { failed: true, events, ..self }
    }
}

impl Expected {
    /// Whether a recorded value is what it must be.
    pub(super) fn holds_for(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(expected), Value::Text(found)) => expected == found,
            (Self::Int(expected), Value::Int(found)) => expected == *found,
            (Self::Bool(expected), Value::Bool(found)) => expected == *found,
            (Self::SomeText, Value::Text(found)) => !found.is_empty(),
            (Self::SomeInt, Value::Int(_)) => true,
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

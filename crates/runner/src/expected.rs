//! The vocabulary of `plan`: requests, bodies, spans and attributes as they are expected.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use Expected::{Int, SomeInt, SomeText, Text};

/// One functional test.
#[derive(Debug)]
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
#[derive(Debug)]
pub(super) struct Span {
    pub(super) kind: SpanKind,
    /// A server span has the name of its route.
    pub(super) name: &'static str,
    /// Whether its status is Error and it has an [`EXCEPTION`]. Unset and Ok are equal here: both mean success.
    pub(super) failed: bool,
    /// Required attributes, in addition to those of its kind.
    pub(super) attributes: &'static [Attribute],
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

/// The name of a failed span's event, and the attributes that it must have.
pub(super) const EXCEPTION: (&str, [Attribute; 3]) = (
    "exception",
    [
        ("exception.type", SomeText),
        ("exception.message", SomeText),
        ("exception.stacktrace", SomeText),
    ],
);

impl Span {
    /// All required attributes. `url.scheme` may differ from the base URL's behind a proxy that ends TLS.
    pub(super) fn all_attributes(&self) -> Vec<Attribute> {
        let status = Int(if self.failed { 500 } else { 200 });
        let http = [
            ("http.request.method", Text("GET")),
            ("http.response.status_code", status),
            ("server.address", SomeText),
            ("server.port", SomeInt),
        ];
        let route = Text(self.name.trim_start_matches("GET "));
        let server = [
            ("http.route", route),
            ("url.path", route),
            ("url.scheme", SomeText),
            ("client.address", SomeText),
            ("network.peer.address", SomeText),
        ];
        match self.kind {
            SpanKind::Server => [&http, &server[..], self.attributes].concat(),
            SpanKind::Client => [&http[..], &[("url.full", SomeText)], self.attributes].concat(),
            _ => self.attributes.to_vec(),
        }
    }
}

impl Expected {
    pub(super) fn matches(self, value: &Value) -> bool {
        match (self, value) {
            (Text(expected), Value::StringValue(found)) => expected == found,
            (Int(expected), Value::IntValue(found)) => expected == *found,
            (Self::Bool(expected), Value::BoolValue(found)) => expected == *found,
            (SomeText, Value::StringValue(found)) => !found.is_empty(),
            (SomeInt, Value::IntValue(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text(text) => write!(f, "{text:?}"),
            Int(int) => write!(f, "{int}"),
            Self::Bool(bool) => write!(f, "{bool}"),
            SomeText => f.write_str("a text"),
            SomeInt => f.write_str("an integer"),
        }
    }
}

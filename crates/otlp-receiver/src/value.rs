//! Attribute values that compare with literals.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// Attributes by key. A key sent twice keeps the last value.
pub type Attributes = BTreeMap<String, Value>;

/// An OTLP value; compare it with a literal: `span.attributes["http.route"] == "/"`.
#[derive(Clone, Default, PartialEq)]
pub enum Value {
    #[default]
    Empty,
    Bool(bool),
    Int(i64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Map(Attributes),
}

impl Value {
    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is whole.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

/// As a literal: `"text"`, `200`, `["a", "b"]`.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("(empty)"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Double(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
            Self::Bytes(value) => write!(f, "0x{}", hex(value)),
            Self::Array(value) => value.fmt(f),
            Self::Map(value) => value.fmt(f),
        }
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialEq<String> for Value {
    fn eq(&self, other: &String) -> bool {
        *self == **other
    }
}

impl PartialEq<i64> for Value {
    fn eq(&self, other: &i64) -> bool {
        self.as_i64() == Some(*other)
    }
}

impl PartialEq<f64> for Value {
    fn eq(&self, other: &f64) -> bool {
        matches!(self, Self::Double(value) if value == other)
    }
}

impl PartialEq<bool> for Value {
    fn eq(&self, other: &bool) -> bool {
        matches!(self, Self::Bool(value) if value == other)
    }
}

impl<T, const N: usize> PartialEq<[T; N]> for Value
where
    Value: PartialEq<T>,
{
    fn eq(&self, other: &[T; N]) -> bool {
        matches!(self, Self::Array(values) if values == other)
    }
}

impl From<Option<AnyValue>> for Value {
    fn from(value: Option<AnyValue>) -> Self {
        use any_value::Value as Any;
        match value.and_then(|any| any.value) {
            // The index into a string table is for profiles alone.
            None | Some(Any::StringValueStrindex(_)) => Self::Empty,
            Some(Any::BoolValue(value)) => Self::Bool(value),
            Some(Any::IntValue(value)) => Self::Int(value),
            Some(Any::DoubleValue(value)) => Self::Double(value),
            Some(Any::StringValue(value)) => Self::String(value),
            Some(Any::BytesValue(value)) => Self::Bytes(value),
            Some(Any::ArrayValue(list)) => {
                Self::Array(list.values.into_iter().map(|any| Some(any).into()).collect())
            }
            Some(Any::KvlistValue(list)) => Self::Map(attributes(list.values)),
        }
    }
}

/// Who made the data: the instrumentation scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    pub name: String,
    pub version: String,
    pub schema_url: String,
    pub attributes: Attributes,
}

impl Scope {
    pub fn new(scope: Option<InstrumentationScope>, schema_url: String) -> Self {
        let scope = scope.unwrap_or_default();
        let attributes = attributes(scope.attributes);
        Self { name: scope.name, version: scope.version, schema_url, attributes }
    }
}

pub fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    pairs.into_iter().map(|pair| (pair.key, pair.value.into())).collect()
}

pub fn resource(resource: Option<Resource>) -> Attributes {
    attributes(resource.unwrap_or_default().attributes)
}

/// An identifier in lower-case hexadecimal; empty for none.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes what is written");
        text
    })
}

/// As [`hex`], for an identifier that may be absent.
pub fn optional_id(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| hex(bytes))
}

/// A time, since the Unix epoch: prints short and subtracts well.
pub fn time(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

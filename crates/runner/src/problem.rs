//! What can be wrong with a trace, in words.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use thiserror::Error;

use super::expected::Expected;

/// One difference between a trace and its plan. Displays as one line.
#[derive(Debug, Error)]
#[error("span `{span}`: {fault}")]
pub(super) struct Problem {
    pub(super) span: String,
    pub(super) fault: Fault,
}

/// What is wrong with a span.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error("missing")]
    Missing,
    #[error("not expected, below {parent}")]
    Extra { parent: String },
    #[error("parent is {found}, expected {expected}")]
    Parent { found: String, expected: String },
    #[error("starts before `{previous}`, expected after it")]
    Order { previous: String },
    #[error("kind is {found:?}, expected {expected:?}")]
    Kind { found: SpanKind, expected: SpanKind },
    #[error("status is Error, expected success")]
    Failed,
    #[error("status is not Error, expected Error")]
    NotFailed,
    #[error("event `{name}` is missing")]
    MissingEvent { name: &'static str },
    #[error("{of}attribute `{key}` is missing")]
    MissingAttribute { of: String, key: &'static str },
    #[error("{of}attribute `{key}` is {found}, expected {expected}")]
    Attribute { of: String, key: &'static str, found: String, expected: Expected },
}

//! What can be wrong with a trace, and how it is said.

use thiserror::Error;

use super::{
    expected::{Expected, Kind},
    otlp::Value,
};

/// One way in which a trace is not as planned; reads as a line of its own.
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
    #[error("one too many, below {parent}")]
    Extra { parent: String },
    #[error("parent is {found}, expected {expected}")]
    Parent { found: String, expected: String },
    #[error("starts before `{previous}`, expected after it")]
    Order { previous: String },
    #[error("kind is {found}, expected {expected:?}")]
    Kind { found: String, expected: Kind },
    #[error("status is Error, expected another")]
    Failed,
    #[error("status is not Error, expected Error")]
    NotFailed,
    #[error("event `{name}` is missing")]
    MissingEvent { name: &'static str },
    #[error("{of}attribute `{key}` is missing")]
    MissingAttribute { of: String, key: &'static str },
    #[error("{of}attribute `{key}` is {found}, expected {expected}")]
    Attribute { of: String, key: &'static str, found: Value, expected: Expected },
}

//! The ways in which a collector fails.

use std::time::Duration;

#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Behaviour {
    Accept,
    Hang,
    Unavailable,
    Exhausted,
    Unimplemented,
    Partial,
    Slow,
}

use Behaviour::{Accept, Exhausted, Hang, Partial, Slow, Unavailable, Unimplemented};

/// `Status { RESOURCE_EXHAUSTED, "come again", [RetryInfo { 1 s }] }`, as base64 of its protobuf.
const COME_AGAIN: &str =
    "CAgSCmNvbWUgYWdhaW4aMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAQ";

/// `ExportTraceServiceResponse { partial_success { rejected_spans: 2, "too long" } }`.
const REJECTED: &[u8] = b"\x0a\x0c\x08\x02\x12\x08too long";

impl Behaviour {
    const ALL: [(&str, Self); 7] = [
        ("accept", Accept),
        ("hang", Hang),
        ("unavailable", Unavailable),
        ("exhausted", Exhausted),
        ("unimplemented", Unimplemented),
        ("partial", Partial),
        ("slow", Slow),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(own, _)| *own == name).map(|(_, behaviour)| behaviour)
    }

    pub(crate) fn of(number: u8) -> Self {
        let known = Self::ALL.into_iter().find(|(_, behaviour)| *behaviour as u8 == number);
        known.map_or(Accept, |(_, behaviour)| behaviour)
    }

    /// What passes before the answer: for one that hangs, more than anybody waits.
    pub(crate) async fn pause(self) {
        match self {
            Hang => std::future::pending().await,
            Slow => tokio::time::sleep(Duration::from_secs(1)).await,
            _ => {}
        }
    }

    /// The trailers of an answer that takes nothing.
    pub(crate) fn refusal(self) -> Option<&'static [(&'static str, &'static str)]> {
        match self {
            Unavailable => Some(&[("grpc-status", "14")]),
            Exhausted => Some(&[("grpc-status", "8"), ("grpc-status-details-bin", COME_AGAIN)]),
            Unimplemented => Some(&[("grpc-status", "12")]),
            _ => None,
        }
    }

    /// How many spans of each export it does not keep.
    pub(crate) fn rejects(self) -> usize {
        if matches!(self, Partial) { 2 } else { 0 }
    }

    pub(crate) fn message(self) -> &'static [u8] {
        if matches!(self, Partial) { REJECTED } else { &[] }
    }
}

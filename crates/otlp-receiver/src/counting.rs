//! Counts spans instead of decoding them: under the load of a benchmark, a receiver that decodes is the bottleneck.

use bytes::Bytes;
use prost::{DecodeError, Message};

/// What a counting receiver knows of the trace exports that it accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of trace exports.
    pub exports: u64,
    /// The number of spans in all of them.
    pub spans: u64,
    /// The number of attributes on the first span of the latest export.
    pub attributes: u64,
}

impl Counts {
    /// The counts of one `ExportTraceServiceRequest`.
    pub(crate) fn of(request: Bytes) -> Result<Self, DecodeError> {
        let resources = Request::decode(request)?.resource_spans;
        let scopes = || resources.iter().flat_map(|resource| &resource.scope_spans);
        let first = scopes().flat_map(|scope| &scope.spans).next().cloned().unwrap_or_default();
        Ok(Self {
            exports: 1,
            spans: scopes().map(|scope| scope.spans.len() as u64).sum(),
            attributes: Span::decode(first)?.attributes.len() as u64,
        })
    }

    pub(crate) fn add(&mut self, export: Self) {
        self.exports += export.exports;
        self.spans += export.spans;
        if export.exports > 0 {
            self.attributes = export.attributes;
        }
    }
}

// The protocol's messages with the fields on the way to a span's attributes alone. `Bytes` copies nothing.

#[derive(Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Message)]
struct ResourceSpans {
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Message)]
struct ScopeSpans {
    #[prost(bytes = "bytes", repeated, tag = "2")]
    spans: Vec<Bytes>,
}

#[derive(Message)]
struct Span {
    #[prost(bytes = "bytes", repeated, tag = "9")]
    attributes: Vec<Bytes>,
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::KeyValue;
    use opentelemetry_proto::tonic::trace::v1::{self as proto};

    use super::*;

    #[test]
    fn counts_are_those_of_the_protocols_own_messages() {
        let span = |attributes| proto::Span {
            name: "x".to_owned(),
            attributes: vec![KeyValue::default(); attributes],
            ..Default::default()
        };
        let scope = |spans| proto::ScopeSpans { spans, ..Default::default() };
        let scope_spans = vec![scope(vec![]), scope(vec![span(3), span(5)]), scope(vec![span(0)])];
        let resource = proto::ResourceSpans { scope_spans, ..Default::default() };
        let request = ExportTraceServiceRequest { resource_spans: vec![resource] };
        let counts = Counts::of(request.encode_to_vec().into());
        assert_eq!(counts, Ok(Counts { exports: 1, spans: 3, attributes: 3 }));
    }
}

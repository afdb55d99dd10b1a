//! Spans, flattened.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::{Span, span, status};

use super::inbox::Received;
use super::signal::Export;
use super::value::{Attributes, Scope, attributes, hex, optional_id, resource, time};

pub use span::SpanKind;
pub use status::StatusCode;

/// A span with the resource and scope it came under.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedSpan {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// `None` for a root.
    pub parent_span_id: Option<String>,
    pub name: String,
    pub kind: SpanKind,
    /// Since the Unix epoch.
    pub start: Duration,
    /// Since the Unix epoch.
    pub end: Duration,
    pub attributes: Attributes,
    pub events: Vec<ReceivedEvent>,
    pub links: Vec<ReceivedLink>,
    pub status: StatusCode,
    /// The description of the status; empty unless it is an error.
    pub status_message: String,
    pub trace_state: String,
    /// W3C trace flags in the low byte; bits 8 and 9 say whether the parent is remote.
    pub flags: u32,
    pub dropped_attributes: u32,
    pub dropped_events: u32,
    pub dropped_links: u32,
    pub resource: Attributes,
    pub scope: Scope,
}

/// Something that happened within a span.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedEvent {
    pub name: String,
    /// Since the Unix epoch.
    pub at: Duration,
    pub attributes: Attributes,
    pub dropped_attributes: u32,
}

/// A reference to another span.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedLink {
    pub trace_id: String,
    pub span_id: String,
    pub trace_state: String,
    pub attributes: Attributes,
    pub flags: u32,
}

impl ReceivedSpan {
    /// How long it took.
    pub fn duration(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// Whether the other is the parent of this.
    pub fn is_child_of(&self, other: &Self) -> bool {
        self.trace_id == other.trace_id && self.parent_span_id.as_ref() == Some(&other.span_id)
    }

    fn new(span: Span, resource: &Attributes, scope: &Scope) -> Self {
        let kind = span.kind();
        let status = span.status.unwrap_or_default();
        Self {
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            parent_span_id: optional_id(&span.parent_span_id),
            name: span.name,
            kind,
            start: time(span.start_time_unix_nano),
            end: time(span.end_time_unix_nano),
            attributes: attributes(span.attributes),
            events: span.events.into_iter().map(ReceivedEvent::from).collect(),
            links: span.links.into_iter().map(ReceivedLink::from).collect(),
            status: status.code(),
            status_message: status.message,
            trace_state: span.trace_state,
            flags: span.flags,
            dropped_attributes: span.dropped_attributes_count,
            dropped_events: span.dropped_events_count,
            dropped_links: span.dropped_links_count,
            resource: resource.clone(),
            scope: scope.clone(),
        }
    }
}

impl From<span::Event> for ReceivedEvent {
    fn from(event: span::Event) -> Self {
        Self {
            name: event.name,
            at: time(event.time_unix_nano),
            attributes: attributes(event.attributes),
            dropped_attributes: event.dropped_attributes_count,
        }
    }
}

impl From<span::Link> for ReceivedLink {
    fn from(link: span::Link) -> Self {
        Self {
            trace_id: hex(&link.trace_id),
            span_id: hex(&link.span_id),
            trace_state: link.trace_state,
            attributes: attributes(link.attributes),
            flags: link.flags,
        }
    }
}

impl Export for ExportTraceServiceRequest {
    type Answer = ExportTraceServiceResponse;

    fn keep(self, received: &mut Received) {
        for group in self.resource_spans {
            let resource = resource(group.resource);
            for group in group.scope_spans {
                let scope = Scope::new(group.scope, group.schema_url);
                let spans = group.spans.into_iter();
                received.spans.extend(spans.map(|span| ReceivedSpan::new(span, &resource, &scope)));
            }
        }
    }

    fn partially(rejected: i64, message: String) -> Self::Answer {
        let (rejected_spans, error_message) = (rejected, message);
        let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
        ExportTraceServiceResponse { partial_success }
    }
}

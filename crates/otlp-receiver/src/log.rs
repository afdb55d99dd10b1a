//! Log records, flattened.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::inbox::Received;
use super::signal::Export;
use super::value::{Attributes, Scope, Value, attributes, optional_id, resource, time};

pub use opentelemetry_proto::tonic::logs::v1::SeverityNumber;

/// A log record with the resource and scope it came under.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedLog {
    pub body: Value,
    pub severity_text: String,
    pub severity_number: SeverityNumber,
    /// `None` for a record made outside of any span.
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    pub event_name: String,
    /// When it happened, since the Unix epoch; zero if its maker did not say.
    pub at: Duration,
    /// When the SDK saw it, since the Unix epoch.
    pub observed: Duration,
    pub attributes: Attributes,
    pub dropped_attributes: u32,
    pub resource: Attributes,
    pub scope: Scope,
}

impl ReceivedLog {
    fn new(record: LogRecord, resource: &Attributes, scope: &Scope) -> Self {
        Self {
            severity_number: record.severity_number(),
            body: record.body.into(),
            severity_text: record.severity_text,
            trace_id: optional_id(&record.trace_id),
            span_id: optional_id(&record.span_id),
            event_name: record.event_name,
            at: time(record.time_unix_nano),
            observed: time(record.observed_time_unix_nano),
            attributes: attributes(record.attributes),
            dropped_attributes: record.dropped_attributes_count,
            resource: resource.clone(),
            scope: scope.clone(),
        }
    }
}

impl Export for ExportLogsServiceRequest {
    type Answer = ExportLogsServiceResponse;

    fn keep(self, received: &mut Received) {
        for group in self.resource_logs {
            let resource = resource(group.resource);
            for group in group.scope_logs {
                let scope = Scope::new(group.scope, group.schema_url);
                let records = group.log_records.into_iter();
                received
                    .logs
                    .extend(records.map(|record| ReceivedLog::new(record, &resource, &scope)));
            }
        }
    }

    fn partially(rejected: i64, message: String) -> Self::Answer {
        let (rejected_log_records, error_message) = (rejected, message);
        let partial_success =
            Some(ExportLogsPartialSuccess { rejected_log_records, error_message });
        ExportLogsServiceResponse { partial_success }
    }
}

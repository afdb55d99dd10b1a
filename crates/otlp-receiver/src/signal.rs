//! Signals and transports, and how a request shows which it is of.

use std::fmt;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Data points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// The signal of an HTTP endpoint's default path, or of a gRPC method.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        Some(match path {
            "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
                Self::Traces
            }
            "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
                Self::Metrics
            }
            "/v1/logs" | "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Self::Logs,
            _ => return None,
        })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_ascii_lowercase())
    }
}

/// A request's protocol and encoding, as its content type gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `application/grpc`
    Grpc,
    /// `application/x-protobuf`
    HttpProtobuf,
    /// Any other content type, JSON among them: no exporter of this project has it. Answered with 415.
    Unknown,
}

impl Transport {
    pub(crate) fn of_content_type(content_type: &str) -> Self {
        match content_type.split(';').next().map(str::trim) {
            Some("application/x-protobuf") => Self::HttpProtobuf,
            Some(grpc) if grpc.starts_with("application/grpc") => Self::Grpc,
            _ => Self::Unknown,
        }
    }
}

//! Signals and transports, and how a request shows which it is of.

use std::fmt;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

    /// The path of the specification's default HTTP endpoint.
    #[must_use]
    pub const fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    /// The path of the gRPC method.
    #[must_use]
    pub const fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    pub(crate) fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| [signal.http_path(), signal.grpc_path()].contains(&path))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        })
    }
}

/// A request's protocol and encoding, as its content type gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `application/grpc`
    Grpc,
    /// `application/x-protobuf`
    HttpProtobuf,
    /// `application/json`
    HttpJson,
    /// Any other content type, which the receiver answers with 415.
    Unknown,
}

impl Transport {
    pub(crate) fn of_content_type(content_type: &str) -> Self {
        match content_type.split(';').next().map(str::trim) {
            Some("application/x-protobuf") => Self::HttpProtobuf,
            Some("application/json") => Self::HttpJson,
            Some(grpc) if grpc.starts_with("application/grpc") => Self::Grpc,
            _ => Self::Unknown,
        }
    }
}

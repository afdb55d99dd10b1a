//! The three signals, and what their requests have in common.

use std::fmt;
use std::future;

use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

use super::behaviour::{Behaviour, Refusal};
use super::inbox::{Inbox, Received};

/// What is being exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// The path of the specification's default HTTP endpoint.
    pub const fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    /// The path of the gRPC method.
    pub const fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    /// The signal a path belongs to, if any.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|signal| path == signal.http_path() || path == signal.grpc_path())
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

/// The encoding of a request, told by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `application/grpc`
    Grpc,
    /// `application/x-protobuf`
    HttpProtobuf,
    /// `application/json`
    HttpJson,
    /// Anything else: answered 415.
    Unknown,
}

impl Transport {
    pub fn of_content_type(content_type: &str) -> Self {
        match content_type.split(';').next().map(str::trim) {
            Some("application/x-protobuf") => Self::HttpProtobuf,
            Some("application/json") => Self::HttpJson,
            Some(grpc) if grpc.starts_with("application/grpc") => Self::Grpc,
            _ => Self::Unknown,
        }
    }
}

/// An export request of any signal.
pub trait Export: Message + Default + DeserializeOwned + 'static {
    /// The answer to it.
    type Answer: Message + Default + Serialize;

    /// Flattens the data and keeps it.
    fn keep(self, received: &mut Received);

    /// The answer that some of it was rejected.
    fn partially(rejected: i64, message: String) -> Self::Answer;
}

/// Does with the request what the behaviour says.
pub async fn answer<E: Export>(
    request: E,
    behaviour: Behaviour,
    inbox: &Inbox,
) -> Result<E::Answer, Refusal> {
    if let Some(refusal) = behaviour.refusal() {
        return Err(refusal);
    }
    let mut answer = E::Answer::default();
    match behaviour {
        Behaviour::Hang => future::pending().await,
        Behaviour::Delay(delay) => tokio::time::sleep(delay).await,
        Behaviour::PartialSuccess { rejected, message } => answer = E::partially(rejected, message),
        _ => {}
    }
    inbox.change(|received| request.keep(received));
    Ok(answer)
}

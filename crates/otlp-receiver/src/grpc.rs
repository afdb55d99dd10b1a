//! OTLP over gRPC.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse, logs_service_server::LogsService,
    },
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::MetricsService,
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_server::TraceService,
    },
};
use tonic::{Request, Response, Status, async_trait};
use tonic_types::{ErrorDetails, StatusExt};

use super::behaviour::Refusal;
use super::inbox::Inbox;
use super::signal::{Export, answer};

/// All three services.
pub struct Grpc(pub Arc<Inbox>);

impl Grpc {
    async fn answer<E: Export>(&self, request: Request<E>) -> Result<Response<E::Answer>, Status> {
        let behaviour = request.extensions().get().cloned().unwrap_or_default();
        let answer = answer(request.into_inner(), behaviour, &self.0).await;
        answer.map(Response::new).map_err(Status::from)
    }
}

#[async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.answer(request).await
    }
}

#[async_trait]
impl MetricsService for Grpc {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.answer(request).await
    }
}

#[async_trait]
impl LogsService for Grpc {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.answer(request).await
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal.retry_after {
            None => Self::new(refusal.code, refusal.message),
            delay => {
                let details = ErrorDetails::with_retry_info(delay);
                Self::with_error_details(refusal.code, refusal.message, details)
            }
        }
    }
}

//! Which path leads where, and the note that is taken of every request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsServiceRequest, logs_service_server::LogsServiceServer},
    metrics::v1::{ExportMetricsServiceRequest, metrics_service_server::MetricsServiceServer},
    trace::v1::{ExportTraceServiceRequest, trace_service_server::TraceServiceServer},
};
use tonic::Status;
use tonic::codec::CompressionEncoding::Gzip;

use super::behaviour::Behaviour;
use super::grpc::Grpc;
use super::http::post_export;
use super::inbox::{Inbox, ReceivedRequest};
use super::signal::{Signal, Transport};

/// The number of a connection, from 1.
#[derive(Clone, Copy)]
pub struct Connection(pub usize);

/// Both protocols; wants a [`Connection`] among the extensions of its requests.
pub fn router(inbox: &Arc<Inbox>) -> Router {
    let grpc = Arc::new(Grpc(Arc::clone(inbox)));
    let traces = TraceServiceServer::from_arc(Arc::clone(&grpc)).accept_compressed(Gzip);
    let metrics = MetricsServiceServer::from_arc(Arc::clone(&grpc)).accept_compressed(Gzip);
    let logs = LogsServiceServer::from_arc(grpc).accept_compressed(Gzip);
    Router::new()
        .route_service(Signal::Traces.grpc_path(), traces.send_compressed(Gzip))
        .route_service(Signal::Metrics.grpc_path(), metrics.send_compressed(Gzip))
        .route_service(Signal::Logs.grpc_path(), logs.send_compressed(Gzip))
        .route(Signal::Traces.http_path(), post_export::<ExportTraceServiceRequest>())
        .route(Signal::Metrics.http_path(), post_export::<ExportMetricsServiceRequest>())
        .route(Signal::Logs.http_path(), post_export::<ExportLogsServiceRequest>())
        .fallback(nowhere)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(inbox), note))
        .with_state(Arc::clone(inbox))
}

/// Writes every request down before anything can go wrong with it, and decides how it is answered.
async fn note(
    State(inbox): State<Arc<Inbox>>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let signal = Signal::of_path(&path);
    let behaviour = signal.map_or(Behaviour::Unimplemented, |signal| inbox.behaviour(signal));
    let received = ReceivedRequest {
        signal,
        transport: transport(request.headers()),
        path,
        headers: request
            .headers()
            .keys()
            .map(|name| (name.to_string(), joined(request.headers(), name.as_str())))
            .collect(),
        behaviour: behaviour.clone(),
        connection: connection.0,
        at: Instant::now(),
    };
    inbox.change(|all| all.requests.push(received));
    request.extensions_mut().insert(behaviour);
    next.run(request).await
}

pub fn transport(headers: &HeaderMap) -> Transport {
    Transport::of_content_type(&joined(headers, CONTENT_TYPE.as_str()))
}

/// The values of a header, joined by commas; empty for none.
pub fn joined(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).into_iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(",")
}

async fn nowhere(headers: HeaderMap) -> Response {
    match transport(&headers) {
        Transport::Grpc => Status::unimplemented("no such service").into_http(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

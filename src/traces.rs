//! The recent traces over HTTP: a list, one as OTLP JSON, and an event for every change. These
//! endpoints are not traced: a page that watches traces would fill the store with its own.

use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use rocket::http::Status;
use rocket::response::stream::{Event, EventStream};
use rocket::serde::json::Json;
use rocket::{Route, Shutdown, State, get, routes};

use crate::dashboard::Dashboard;
use crate::responders::{ErrorResponse, Html};
use crate::trace_view::Summary;

/// Paths below which nothing is traced.
pub(crate) const UNTRACED: [&str; 3] = ["/api/traces", "/traces", "/static"];

/// All endpoints of the recent traces.
pub(crate) fn all() -> Vec<Route> {
    routes![list, one, live, fragment]
}

const DISABLED: (Status, &str) = (
    Status::NotFound,
    "recent traces are disabled: set RECENT_TRACES_MAX above 0 and leave OTEL_SDK_DISABLED unset",
);
const INVALID_ID: (Status, &str) =
    (Status::UnprocessableEntity, "invalid trace id: expected 32 hexadecimal digits");
const NOT_FOUND: (Status, &str) = (Status::NotFound, "no recent trace has this id");

#[get("/api/traces")]
fn list(dashboard: &State<Dashboard>) -> Result<Json<Vec<Summary>>, ErrorResponse> {
    let traces = dashboard.traces().ok_or(DISABLED)?;
    Ok(Json(traces.into_iter().map(|trace| trace.summary).collect()))
}

/// One trace in OTLP's JSON encoding, which the Jaeger UI opens from a file.
#[get("/api/traces/<id>")]
fn one(dashboard: &State<Dashboard>, id: &str) -> Result<Json<TracesData>, ErrorResponse> {
    let recent = dashboard.recent().ok_or(DISABLED)?;
    // `from_hex` accepts fewer digits, and a sign.
    let well_formed = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let trace_id = TraceId::from_hex(id).ok().filter(|_| well_formed);
    let trace = recent.get(trace_id.ok_or(INVALID_ID)?).ok_or(NOT_FOUND)?;
    let resource = ResourceAttributesWithSchema::from(&recent.resource());
    let spans = trace.spans.iter().map(|span| span.as_ref().clone()).collect();
    let resource_spans = group_spans_by_resource_and_scope(spans, &resource);
    Ok(Json(TracesData { resource_spans }))
}

/// Sends an event with a number whenever the traces change. The page then fetches the fragment.
#[get("/api/traces/live")]
fn live(
    dashboard: &State<Dashboard>,
    mut shutdown: Shutdown,
) -> Result<EventStream![], ErrorResponse> {
    let mut changes = dashboard.recent().ok_or(DISABLED)?.changes();
    Ok(EventStream! {
        loop {
            let version = changes.borrow_and_update().version;
            yield Event::data(version.to_string()).event("traces");
            tokio::select! {
                change = changes.changed() => if change.is_err() { break },
                () = &mut shutdown => break,
            }
        }
    })
}

/// The lists alone, for a page that is open.
#[get("/traces")]
fn fragment(dashboard: &State<Dashboard>) -> Html {
    dashboard.fragment()
}

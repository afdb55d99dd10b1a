//! The recent traces over HTTP: a list, one as OTLP JSON, and news of changes. Not traced: a page
//! that watches traces would fill the store with its own.

use std::sync::Arc;

use opentelemetry::trace::TraceId;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use rocket::http::Status;
use rocket::response::stream::{Event, EventStream};
use rocket::{Route, Shutdown, State, get, routes};
use serde::Serialize;

use super::pages::{Fragment, Page};
use super::trace_view::TraceView;
use handlers::Reply;

use crate::recent_traces::Observed;
use crate::routes::Answer;

/// Below these paths nothing is traced.
pub(super) const UNTRACED: [&str; 3] = ["/api/traces", "/traces", "/static"];

/// All endpoints of the recent traces.
pub(super) fn all() -> Vec<Route> {
    routes![list, one, live, fragment]
}

#[derive(Serialize)]
struct Summary {
    trace_id: String,
    name: String,
    started_at: String,
    duration_ms: f64,
    status: &'static str,
    span_count: usize,
}

impl From<TraceView> for Summary {
    fn from(view: TraceView) -> Self {
        Self {
            trace_id: view.trace_id,
            name: view.name,
            started_at: view.started_at,
            duration_ms: view.duration_ms,
            status: view.status,
            span_count: view.span_count,
        }
    }
}

#[get("/api/traces")]
fn list(telemetry: &State<Arc<Observed>>) -> Answer {
    let recent = telemetry.recent();
    if recent.is_none() {
        return switched_off();
    }
    let views = TraceView::newest_first(recent, &telemetry.telemetry.config().service_name, None);
    let traces: Vec<_> = views.into_iter().map(Summary::from).collect();
    Answer(Reply::json(200, &traces))
}

/// One trace in OTLP's JSON encoding, which the Jaeger UI opens from a file.
#[get("/api/traces/<id>")]
fn one(telemetry: &State<Arc<Observed>>, id: &str) -> Answer {
    let Some(recent) = telemetry.recent() else {
        return switched_off();
    };
    let well_formed = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let trace_id = TraceId::from_hex(id).ok().filter(|_| well_formed);
    let Some(trace_id) = trace_id else {
        return Answer(Reply::error(422, "a trace id is 32 hexadecimal digits"));
    };
    let Some(trace) = recent.get(trace_id) else {
        return Answer(Reply::error(404, "this trace is not among the recent ones"));
    };
    let resource = ResourceAttributesWithSchema::from(&recent.resource());
    let spans = trace.spans.iter().map(|span| span.as_ref().clone()).collect();
    let resource_spans = group_spans_by_resource_and_scope(spans, &resource);
    Answer(Reply::json(200, &opentelemetry_proto::tonic::trace::v1::TracesData { resource_spans }))
}

/// An event at every change of the traces; it carries a number, and the page asks for the rest.
#[get("/api/traces/live")]
fn live(telemetry: &State<Arc<Observed>>, mut end: Shutdown) -> Result<EventStream![], Status> {
    let mut news = telemetry.recent().ok_or(Status::NotFound)?.changes();
    Ok(EventStream! {
        loop {
            let version = *news.borrow_and_update();
            yield Event::data(version.to_string()).event("traces");
            tokio::select! {
                changed = news.changed() => if changed.is_err() { break },
                () = &mut end => break,
            }
        }
    })
}

/// The page's lists alone, for a page that is open.
#[get("/traces")]
fn fragment(page: &State<Page>) -> Fragment {
    page.fragment()
}

fn switched_off() -> Answer {
    let error = "recent traces are switched off: RECENT_TRACES_MAX and OTEL_SDK_DISABLED tell";
    Answer(Reply::error(404, error))
}

//! The pages as this server knows them: its exporters and its recent traces.

use std::sync::Arc;

use rocket::http::Status;
use rocket::response::{self, Responder};
use rocket::{Request, Response};
use rocket_dyn_templates::Template;
use serde::Serialize;

use super::trace_view::TraceView;
use ::pages::{self as page, CONTENT_TYPE, ErrorPage, Index, Recent};
use opentelemetry_autoconfigure::ExporterStatus;

use crate::recent_traces::Observed;

/// Traces on the page: it is fetched anew at every change, and 100 traces of 5 spans are 700 KB.
const SHOWN: usize = 25;

const OFF: &str = "Recent traces are switched off. RECENT_TRACES_MAX above 0, and \
    OTEL_SDK_DISABLED unset, switch it on";

type Lists = page::Lists<ExporterStatus, TraceView>;

/// What makes pages: managed state.
pub(super) struct Page {
    telemetry: Arc<Observed>,
    jaeger_ui: Option<String>,
}

impl Page {
    pub(super) fn new(telemetry: Arc<Observed>, jaeger_ui: Option<String>) -> Self {
        Self { telemetry, jaeger_ui }
    }

    fn service(&self) -> &str {
        &self.telemetry.telemetry.config().service_name
    }

    fn recent(&self, kept: usize) -> Recent {
        let recent = self.telemetry.recent();
        Recent {
            enabled: recent.is_some(),
            kept,
            max_traces: recent.map_or(0, |recent| recent.max_traces()),
            off_hint: OFF,
        }
    }

    fn lists(&self) -> Lists {
        let recent = self.telemetry.recent();
        let mut traces = TraceView::newest_first(recent, self.service(), self.jaeger_ui.as_deref());
        let recent = self.recent(traces.len());
        traces.truncate(SHOWN);
        let exporters = self.telemetry.telemetry.exporters();
        Lists { exporters, jaeger_ui_url: self.jaeger_ui.clone(), recent, traces }
    }

    pub(super) fn index(&self, request: &Request<'_>) -> response::Result<'static> {
        html("index.html", &Index::new(self.service(), self.lists()), request)
    }

    pub(super) fn fragment(&self) -> Fragment {
        Fragment(self.lists())
    }

    pub(super) fn error(
        &self,
        status: Status,
        message: &'static str,
        request: &Request<'_>,
    ) -> response::Result<'static> {
        let path = request.uri().path().as_str();
        let told = (status.code, status.reason_lossy());
        let page = ErrorPage::new(self.service(), self.recent(0), told, message, path);
        html("error.html", &page, request)
    }
}

/// The page's live part.
pub(super) struct Fragment(Lists);

impl<'r> Responder<'r, 'static> for Fragment {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        html("traces.html", &self.0, request)
    }
}

fn html(
    template: &'static str,
    context: &impl Serialize,
    request: &Request<'_>,
) -> response::Result<'static> {
    let mut response: Response<'static> =
        Template::render(template, context).respond_to(request)?;
    response.set_raw_header("Content-Type", CONTENT_TYPE);
    for (name, value) in page::HEADERS {
        response.set_raw_header(name, value);
    }
    Ok(response)
}

//! The index page: the service, its exporters, its endpoints and its recent traces.

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder};
use rocket::{Request, Response};
use rocket_dyn_templates::Template;
use serde::Serialize;

use super::assets::{ASSETS, Assets};
use super::view::TraceView;
use crate::telemetry::{ExporterStatus, Telemetry};

/// Scripts, styles and pictures from this server only, nothing inline, nothing embedding it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Traces on the page: it is fetched anew at every change, and 100 traces of 5 spans are 700 KB.
const SHOWN: usize = 25;

/// An endpoint to try.
#[derive(Clone, Copy, Debug, Serialize)]
struct Endpoint {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    href: &'static str,
}

const fn endpoint(path: &'static str, href: &'static str, summary: &'static str) -> Endpoint {
    Endpoint { method: "GET", path, summary, href }
}

const ENDPOINTS: [Endpoint; 6] = [
    endpoint(
        "/api/users",
        "/api/users",
        "Three users from a simulated query: 2 spans, 100 to 300 ms",
    ),
    endpoint("/api/process", "/api/process", "Validate, process, save: 5 spans, 200 to 700 ms"),
    endpoint("/api/error", "/api/error", "A failure: status Error and an exception event"),
    endpoint(
        "/api/chain?hops=2",
        "/api/chain?hops=2",
        "Calls itself twice: client and server spans in one trace",
    ),
    endpoint("/health", "/health", "The health check: 1 span"),
    endpoint("/nowhere", "/nowhere", "No route: 404, and a span without http.route"),
];

/// What makes pages: managed state.
pub(super) struct Page {
    telemetry: Arc<Telemetry>,
    jaeger_ui: Option<String>,
}

#[derive(Serialize)]
struct Service {
    name: String,
    version: &'static str,
}

#[derive(Serialize)]
struct Recent {
    enabled: bool,
    kept: usize,
    max_traces: usize,
    off_hint: &'static str,
}

/// What the page's live part shows.
#[derive(Serialize)]
struct Lists {
    exporters: Vec<ExporterStatus>,
    jaeger_ui_url: Option<String>,
    recent: Recent,
    traces: Vec<TraceView>,
}

#[derive(Serialize)]
struct IndexContext {
    assets: &'static Assets,
    service: Service,
    endpoints: [Endpoint; 6],
    #[serde(flatten)]
    lists: Lists,
}

#[derive(Serialize)]
struct ErrorContext {
    assets: &'static Assets,
    service: Service,
    status: u16,
    reason: &'static str,
    message: &'static str,
    trace_id: Option<String>,
    path: String,
}

impl Page {
    pub(super) fn new(telemetry: Arc<Telemetry>, jaeger_ui: Option<String>) -> Self {
        Self { telemetry, jaeger_ui }
    }

    fn service(&self) -> Service {
        let name = self.telemetry.config().service_name.clone();
        Service { name, version: env!("CARGO_PKG_VERSION") }
    }

    fn lists(&self) -> Lists {
        let recent = self.telemetry.recent();
        let service = &self.telemetry.config().service_name;
        let mut traces = TraceView::newest_first(recent, service, self.jaeger_ui.as_deref());
        let kept = traces.len();
        traces.truncate(SHOWN);
        Lists {
            exporters: self.telemetry.exporters(),
            jaeger_ui_url: self.jaeger_ui.clone(),
            recent: Recent {
                enabled: recent.is_some(),
                kept,
                max_traces: recent.map_or(0, |recent| recent.max_traces()),
                off_hint: "RECENT_TRACES_MAX above 0, and OTEL_SDK_DISABLED unset, switch it on",
            },
            traces,
        }
    }

    pub(super) fn index(&self) -> IndexPage {
        let (service, lists) = (self.service(), self.lists());
        IndexPage(IndexContext { assets: &ASSETS, service, endpoints: ENDPOINTS, lists })
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
        let trace = Context::map_current(|cx| cx.span().span_context().clone());
        let context = ErrorContext {
            assets: &ASSETS,
            service: self.service(),
            status: status.code,
            reason: status.reason_lossy(),
            message,
            trace_id: trace.is_valid().then(|| trace.trace_id().to_string()),
            path: request.uri().path().to_string(),
        };
        html("error.html", &context, request)
    }
}

/// The whole page.
pub(super) struct IndexPage(IndexContext);

/// The page's live part.
pub(super) struct Fragment(Lists);

impl<'r> Responder<'r, 'static> for IndexPage {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        html("index.html", &self.0, request)
    }
}

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
    response.set_header(ContentType::HTML);
    response.set_header(Header::new("Content-Security-Policy", CONTENT_SECURITY_POLICY));
    response.set_header(Header::new("Referrer-Policy", "no-referrer"));
    // It changes with every request to the service.
    response.set_header(Header::new("Cache-Control", "no-store"));
    Ok(response)
}

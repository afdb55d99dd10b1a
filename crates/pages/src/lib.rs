//! The demo's pages, without a server: their templates and the contexts that these render, the
//! headers of every page, the static files, and who gets a page instead of JSON.

pub mod assets;
pub mod negotiation;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;

use assets::{ASSETS, Assets};

/// Name and source of each template that both servers render.
pub const TEMPLATES: [(&str, &str); 4] = [
    ("base.html", include_str!("../../../templates/base.html.j2")),
    ("index.html", include_str!("../../../templates/index.html.j2")),
    ("traces.html", include_str!("../../../templates/traces.html.j2")),
    ("error.html", include_str!("../../../templates/error.html.j2")),
];

/// The template of one trace, for a server that keeps traces.
pub const TRACE_TEMPLATE: (&str, &str) =
    ("trace.html", include_str!("../../../templates/trace.html.j2"));

/// The media type of every page.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// The headers of every page.
pub const HEADERS: [(&str, &str); 3] = [
    // Scripts, styles and images from this server only; nothing inline; no embedding.
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    // A page changes with every request to the service.
    ("cache-control", "no-store"),
];

/// An endpoint to try, with GET.
#[derive(Clone, Copy, Debug, Serialize)]
struct Endpoint {
    path: &'static str,
    summary: &'static str,
}

const fn endpoint(path: &'static str, summary: &'static str) -> Endpoint {
    Endpoint { path, summary }
}

const ENDPOINTS: [Endpoint; 6] = [
    endpoint("/api/users", "Three users from a simulated query: 2 spans, 100 to 300 ms"),
    endpoint("/api/process", "Validate, process, save: 5 spans, 200 to 700 ms"),
    endpoint("/api/error", "A failure: status Error and an exception event"),
    endpoint(
        "/api/chain?hops=2",
        "Two calls, each from the one before: client and server spans in one trace",
    ),
    endpoint("/health", "The health check: 1 span"),
    endpoint("/nowhere", "No route: 404, and a span without http.route"),
];

/// The service that serves the page.
#[derive(Serialize)]
struct Service<'a> {
    name: &'a str,
    version: &'static str,
}

impl<'a> Service<'a> {
    fn named(name: &'a str) -> Self {
        Self { name, version: env!("CARGO_PKG_VERSION") }
    }
}

/// The state of a server's recent traces.
#[derive(Serialize)]
pub struct Recent {
    /// Whether the server keeps traces.
    pub enabled: bool,
    /// How many it keeps now.
    pub kept: usize,
    /// How many it keeps at most.
    pub max_traces: usize,
    /// What the page says if it keeps none.
    pub off_hint: &'static str,
}

/// What changes while the page is open: exporters and traces.
#[derive(Serialize)]
pub struct Lists<E, T> {
    /// The state of each exporter.
    pub exporters: Vec<E>,
    /// The Jaeger UI to link to.
    pub jaeger_ui_url: Option<String>,
    /// The state of the recent traces.
    pub recent: Recent,
    /// The traces to show, newest first.
    pub traces: Vec<T>,
}

/// The context of `index.html`. serde could flatten the lists into it, which adds 20 KiB of code
/// to the component.
#[derive(Serialize)]
pub struct IndexPage<'a, E, T> {
    assets: &'static Assets,
    service: Service<'a>,
    endpoints: [Endpoint; 6],
    exporters: Vec<E>,
    jaeger_ui_url: Option<String>,
    recent: Recent,
    traces: Vec<T>,
}

impl<'a, E, T> IndexPage<'a, E, T> {
    /// The start page of this service.
    #[must_use]
    pub fn new(service: &'a str, lists: Lists<E, T>) -> Self {
        let (assets, service) = (&*ASSETS, Service::named(service));
        let Lists { exporters, jaeger_ui_url, recent, traces } = lists;
        Self { assets, service, endpoints: ENDPOINTS, exporters, jaeger_ui_url, recent, traces }
    }
}

/// The context of `error.html`.
#[derive(Serialize)]
pub struct ErrorPage<'a> {
    assets: &'static Assets,
    service: Service<'a>,
    recent: Recent,
    status: u16,
    reason: &'a str,
    message: &'a str,
    /// The trace to name in a report.
    trace_id: Option<String>,
    path: &'a str,
}

impl<'a> ErrorPage<'a> {
    /// An error at `path`, in the current trace.
    #[must_use]
    pub fn new(
        service: &'a str,
        recent: Recent,
        (status, reason): (u16, &'a str),
        message: &'a str,
        path: &'a str,
    ) -> Self {
        let trace = Context::map_current(|cx| cx.span().span_context().clone());
        let trace_id = trace.is_valid().then(|| trace.trace_id().to_string());
        let (assets, service) = (&*ASSETS, Service::named(service));
        Self { assets, service, recent, status, reason, message, trace_id, path }
    }
}

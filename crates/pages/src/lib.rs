//! The pages, apart from any server: their templates and what these need, the headers that go with
//! them, and the static files that they refer to.

pub mod assets;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;

use assets::{ASSETS, Assets};

/// Compiled in, so that a binary is one file and runs from any directory.
pub const TEMPLATES: [(&str, &str); 4] = [
    ("base.html", include_str!("../../../templates/base.html.j2")),
    ("index.html", include_str!("../../../templates/index.html.j2")),
    ("traces.html", include_str!("../../../templates/traces.html.j2")),
    ("error.html", include_str!("../../../templates/error.html.j2")),
];

/// One trace: for servers that have some to show.
pub const TRACE_TEMPLATE: (&str, &str) =
    ("trace.html", include_str!("../../../templates/trace.html.j2"));

pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// What every page is served with.
pub const HEADERS: [(&str, &str); 3] = [
    // Scripts, styles and pictures from this server only, nothing inline, nothing embedding it.
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    // It changes with every request to the service.
    ("cache-control", "no-store"),
];

/// An endpoint to try.
#[derive(Clone, Copy, Debug, Serialize)]
struct Endpoint {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    href: &'static str,
}

const fn endpoint(path: &'static str, summary: &'static str) -> Endpoint {
    Endpoint { method: "GET", path, summary, href: path }
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

/// Who serves the page.
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

/// The recent traces, as far as a server has them.
#[derive(Serialize)]
pub struct Recent {
    pub enabled: bool,
    pub kept: usize,
    pub max_traces: usize,
    /// What stands in their place where there are none.
    pub off_hint: &'static str,
}

/// What the page's live part shows: exporters and traces.
#[derive(Serialize)]
pub struct Lists<E, T> {
    pub exporters: Vec<E>,
    pub jaeger_ui_url: Option<String>,
    pub recent: Recent,
    pub traces: Vec<T>,
}

/// What `index.html` needs. The lists are not flattened into it by serde, which would be 20 KiB of
/// code in the component.
#[derive(Serialize)]
pub struct Index<'a, E, T> {
    assets: &'static Assets,
    service: Service<'a>,
    endpoints: [Endpoint; 6],
    exporters: Vec<E>,
    jaeger_ui_url: Option<String>,
    recent: Recent,
    traces: Vec<T>,
}

impl<'a, E, T> Index<'a, E, T> {
    pub fn new(service: &'a str, lists: Lists<E, T>) -> Self {
        let (assets, service) = (&*ASSETS, Service::named(service));
        let Lists { exporters, jaeger_ui_url, recent, traces } = lists;
        Self { assets, service, endpoints: ENDPOINTS, exporters, jaeger_ui_url, recent, traces }
    }
}

/// What `error.html` needs.
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
    /// What went wrong at `path`, in the current trace.
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

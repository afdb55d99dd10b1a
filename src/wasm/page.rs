//! The pages that a browser gets, from the server's own templates.

use http::request::Parts;
use http::{HeaderValue, Uri};
use serde::Serialize;
use wstd::http::{Method, Response, StatusCode};

use super::tracing::Tracing;
use super::{Answer, READABLE, failure, json, set};
use crate::conventions::Headers;
use crate::handlers::negotiation::wants_html;
use crate::handlers::routes::{Endpoint, parameter};
use crate::handlers::sentence;
use crate::page::assets::File;
use crate::page::{CONTENT_TYPE, ErrorPage, HEADERS, Index, Lists, Recent, render};
use crate::telemetry::ExporterStatus;

const NO_TRACES: Recent = Recent {
    enabled: false,
    kept: 0,
    max_traces: 0,
    off_hint: "A component keeps no traces: an instance may live for one request. Spans go where \
               the exporter above says",
};

/// A static file, if it is one that is asked for. Nobody traces these.
pub(super) fn file(parts: &Parts) -> Option<Answer> {
    let name = parts.uri.path().strip_prefix("/static/")?;
    let asked = matches!(parts.method, Method::GET | Method::HEAD);
    let file = File::named(name).filter(|_| asked)?;
    let v = parts.uri.query().and_then(|query| parameter(query, "v"));
    let mut answer = Response::new(file.bytes.to_vec());
    set(&mut answer, "content-type", file.content_type);
    set(&mut answer, "cache-control", file.cache_control(v.as_deref()));
    Some(answer)
}

/// The page in place of an answer in JSON, for a client that puts HTML before it.
pub(super) fn page(parts: &Parts, endpoint: Option<Endpoint>, tracing: &Tracing) -> Option<Answer> {
    if !wants_html(Headers::values(&parts.headers, "accept")) {
        return None;
    }
    match endpoint {
        Some(Endpoint::Index) => Some(index(tracing)),
        None if READABLE.contains(&parts.method) => Some(not_found(parts, tracing)),
        _ => None,
    }
}

fn index(tracing: &Tracing) -> Answer {
    let off = ["metrics", "logs"].map(ExporterStatus::off);
    let lists: Lists<_, ()> = Lists {
        exporters: tracing.exporters().into_iter().chain(off).collect(),
        jaeger_ui_url: jaeger_ui(),
        recent: NO_TRACES,
        traces: Vec::new(),
    };
    html("index.html", 200, &Index::new(&tracing.service_name, lists))
}

fn not_found(parts: &Parts, tracing: &Tracing) -> Answer {
    let (told, path) = ((404, "Not Found"), parts.uri.path());
    let page = ErrorPage::new(&tracing.service_name, NO_TRACES, told, sentence(404, None), path);
    html("error.html", 404, &page)
}

/// `JAEGER_UI_URL`, if it is an address: nothing else becomes a link.
fn jaeger_ui() -> Option<String> {
    let text = std::env::var("JAEGER_UI_URL").ok().filter(|text| !text.is_empty())?;
    let uri = text.parse::<Uri>().ok();
    let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    if uri.is_none() {
        log::warn!(
            "no link to Jaeger: JAEGER_UI_URL takes an address such as http://localhost:16686"
        );
    }
    uri.map(|uri| uri.to_string())
}

fn html(template: &str, status: u16, context: &impl Serialize) -> Answer {
    let text = match render(template, context) {
        Ok(text) => text,
        Err(error) => {
            log::error!("no page: {error:#}");
            return json(failure(500));
        }
    };
    let mut answer = Response::new(text.into_bytes());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    set(&mut answer, "content-type", CONTENT_TYPE);
    answer
}

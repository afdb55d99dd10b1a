//! The pages that a browser gets, from the server's own templates.

use http::request::Parts;
use http::{HeaderValue, Uri};
use serde::Serialize;
use wstd::http::{Method, Response, StatusCode};

use super::site::{Answer, failure, set};
use super::telemetry::Instance;
use handlers::negotiation::wants_html;
use handlers::routes::{Endpoint, parameter};
use handlers::sentence;
use opentelemetry_http_semconv::Headers;
use opentelemetry_http_semconv::attributes::is_of_http;
use pages::assets::File;
use pages::{CONTENT_TYPE, ErrorPage, HEADERS, Index, Lists, Recent};

const NO_TRACES: Recent = Recent {
    enabled: false,
    kept: 0,
    max_traces: 0,
    off_hint: "A component keeps no traces: an instance may live for one request. Spans go where \
               the exporter above says",
};

/// A static file, if it is one that is asked for. Nobody traces these.
pub(crate) fn file(parts: &Parts) -> Option<Answer> {
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
pub(crate) fn page(
    parts: &Parts,
    endpoint: Option<Endpoint>,
    telemetry: &Instance,
) -> Option<Answer> {
    let service = &telemetry.config().service_name;
    if !wants_html(Headers::values(&parts.headers, "accept")) {
        return None;
    }
    match endpoint {
        Some(Endpoint::Index) => Some(index(service, telemetry)),
        None if is_of_http(parts.method.as_str()) => Some(not_found(service, parts.uri.path())),
        _ => None,
    }
}

fn index(service: &str, telemetry: &Instance) -> Answer {
    let lists: Lists<_, ()> = Lists {
        exporters: telemetry.exporter_status(),
        jaeger_ui_url: jaeger_ui(),
        recent: NO_TRACES,
        traces: Vec::new(),
    };
    html("index.html", 200, &Index::new(service, lists))
}

fn not_found(service: &str, path: &str) -> Answer {
    let told = (404, "Not Found");
    html("error.html", 404, &ErrorPage::new(service, NO_TRACES, told, sentence(404, None), path))
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
            return failure(500);
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

/// Renders a page from the compiled-in templates.
fn render(template: &str, context: &impl Serialize) -> Result<String, minijinja::Error> {
    let mut engine = minijinja::Environment::new();
    for (name, source) in pages::TEMPLATES {
        engine.add_template(name, source)?;
    }
    engine.get_template(template)?.render(context)
}

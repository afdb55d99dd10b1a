//! The pages for browsers, rendered from the same templates as the Rocket server's.

use handlers::public_message;
use http::Uri;
use http::request::Parts;
use opentelemetry_http_semconv::{Headers, KnownMethods};
use pages::assets::File;
use pages::negotiation::prefers_html;
use pages::{CONTENT_TYPE, ErrorPage, HEADERS, IndexPage, Lists, Recent};
use serde::Serialize;

use crate::response::{Answer, answer, failure, set};
use crate::router::{Endpoint, parameter};
use crate::telemetry::Instance;

const NO_TRACES: Recent = Recent {
    enabled: false,
    kept: 0,
    max_traces: 0,
    off_hint: "A component keeps no traces, because an instance may live for one request. The \
               exporter above sends the spans on",
};

/// A static file. These requests are not traced.
pub(crate) fn file(uri: &Uri) -> Option<Answer> {
    let file = File::named(uri.path().strip_prefix("/static/")?)?;
    let v = parameter(uri.query(), "v");
    let mut answer = answer(200, file.content_type, file.bytes.to_vec());
    set(&mut answer, "cache-control", file.cache_control(v.as_deref()));
    Some(answer)
}

/// The page of an endpoint, or of an unknown path, if the client prefers HTML.
pub(crate) fn page(
    parts: &Parts,
    endpoint: Option<Endpoint>,
    telemetry: &Instance,
) -> Option<Answer> {
    if !prefers_html(Headers::values(&parts.headers, "accept")) {
        return None;
    }
    let service = &telemetry.config().service_name;
    match endpoint {
        Some(Endpoint::Index) => Some(index(service, telemetry)),
        None if KnownMethods::default().contains(parts.method.as_str()) => {
            Some(not_found(service, parts.uri.path()))
        }
        _ => None,
    }
}

fn index(service: &str, telemetry: &Instance) -> Answer {
    let lists: Lists<_, ()> = Lists {
        exporters: telemetry.exporter_status(),
        jaeger_ui_url: jaeger_ui_url(),
        recent: NO_TRACES,
        traces: Vec::new(),
    };
    html("index.html", 200, &IndexPage::new(service, lists))
}

fn not_found(service: &str, path: &str) -> Answer {
    let (status, message) = ((404, "Not Found"), public_message(404, None));
    html("error.html", 404, &ErrorPage::new(service, NO_TRACES, status, message, path))
}

/// `JAEGER_UI_URL`, if it is a web address: anything else must not become a link.
fn jaeger_ui_url() -> Option<String> {
    let text = std::env::var("JAEGER_UI_URL").ok().filter(|text| !text.is_empty())?;
    let uri = text.parse::<Uri>().ok();
    let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    if uri.is_none() {
        log::warn!(
            "invalid JAEGER_UI_URL={text:?}: expected a URL such as http://localhost:16686; the \
             page has no link to Jaeger"
        );
    }
    uri.map(|uri| uri.to_string())
}

fn html(template: &str, status: u16, context: &impl Serialize) -> Answer {
    let text = match render(template, context) {
        Ok(text) => text,
        Err(error) => {
            log::error!("cannot render {template}: {error:#}");
            return failure(500);
        }
    };
    let mut answer = answer(status, CONTENT_TYPE, text.into_bytes());
    for (name, value) in HEADERS {
        set(&mut answer, name, value);
    }
    answer
}

fn render(template: &str, context: &impl Serialize) -> Result<String, minijinja::Error> {
    let mut engine = minijinja::Environment::new();
    for (name, source) in pages::TEMPLATES {
        engine.add_template(name, source)?;
    }
    engine.get_template(template)?.render(context)
}

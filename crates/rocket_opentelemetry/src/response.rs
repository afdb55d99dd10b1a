//! Step 6: what is known once there is a response.

use opentelemetry::trace::TraceContextExt;
use opentelemetry_http_semconv::{CapturedHeader, RouteName};
use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Header, Status};
use rocket::{Request, Response};

use crate::body;
use crate::header_scan::RocketHeaders;
use crate::span::AnsweringRoute;
use crate::state::RequestState;

/// The fairing that reads each response, the last one before Rocket sends it.
pub(crate) struct ResponseTracing {
    /// The response headers to capture.
    pub(crate) headers: Vec<CapturedHeader>,
}

#[rocket::async_trait]
impl Fairing for ResponseTracing {
    fn info(&self) -> Info {
        Info { name: "OpenTelemetry responses", kind: Kind::Response | Kind::Singleton }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Some(span) = RequestState::of(request).span() else {
            return;
        };
        let upgrades = span.start.asks_upgrade && is_upgraded(request, response);
        let status = if upgrades { Status::SwitchingProtocols } else { response.status() };
        span.set_status(status.code);
        // Below 400, the last route tried is the one that answered, even if it is not wrapped.
        if !span.has_route() && status.code < 400 {
            span.set_route(request.route().map(|route| {
                let name = RouteName::new(span.method(), route.uri.path().to_owned());
                AnsweringRoute { name, durations: None }
            }));
        }
        let headers = RocketHeaders(response.headers());
        for attribute in self.headers.iter().filter_map(|header| header.attribute(&headers)) {
            span.context().span().set_attribute(attribute);
        }
        if let Some(trace) = span.traceresponse() {
            response.set_header(Header::new("traceresponse", trace));
        }
        let bodiless = span.start.is_head
            || matches!(status, Status::NoContent | Status::NotModified)
            || response.body().is_none();
        if upgrades || is_event_stream(response) {
            // It lasts as long as the client stays: all there is to record is known by now.
            span.end();
        }
        if !upgrades && !bodiless {
            body::watch(response, span).await;
        }
    }
}

/// Whether Rocket will make this a 101. It does so after the response fairings, where the route
/// offers a protocol that the client asks for.
fn is_upgraded<'r>(request: &'r Request<'_>, response: &mut Response<'r>) -> bool {
    let protocols = request.headers().get("Upgrade").flat_map(|list| list.split(','));
    protocols.map(str::trim).any(|protocol| response.upgrade(protocol).is_some())
}

fn is_event_stream(response: &Response<'_>) -> bool {
    // An event stream has no size; most other responses have one, and skip the rest.
    if response.body().preset_size().is_some() {
        return false;
    }
    // A pass over a few headers costs less than a look-up.
    let mut headers = response.headers().iter();
    let content_type = headers.find(|header| header.name == "Content-Type");
    content_type.is_some_and(|header| {
        let essence = header.value.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("text/event-stream")
    })
}

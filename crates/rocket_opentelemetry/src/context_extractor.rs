//! Step 2: the context that a request carries.

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::{Context, global};
use opentelemetry_http_semconv::propagation::IncomingHeaders;
use rocket::Request;

use crate::header_scan::{HeaderScan, RocketHeaders};

/// Extracts the context that a request carries.
pub(crate) struct ContextExtractor {
    propagator: Option<Box<dyn TextMapPropagator + Send + Sync>>,
    /// The headers that the propagator reads.
    pub(crate) fields: Vec<String>,
}

impl ContextExtractor {
    /// Uses this propagator, or else the global one as it is now.
    pub(crate) fn new(propagator: Option<Box<dyn TextMapPropagator + Send + Sync>>) -> Self {
        let fields = match &propagator {
            Some(propagator) => propagator.fields().map(str::to_owned).collect(),
            None => global::get_text_map_propagator(|propagator| {
                propagator.fields().map(str::to_owned).collect()
            }),
        };
        Self { propagator, fields }
    }

    /// The context; an empty one if the headers hold none that is valid.
    pub(crate) fn extract(&self, request: &Request<'_>) -> Context {
        let rocket_headers = RocketHeaders(request.headers());
        let headers = IncomingHeaders::new(&rocket_headers);
        match &self.propagator {
            Some(propagator) => propagator.extract_with_context(&Context::new(), &headers),
            None => global::get_text_map_propagator(|propagator| {
                propagator.extract_with_context(&Context::new(), &headers)
            }),
        }
    }

    /// The context, if the request has any header of one.
    pub(crate) fn extract_if_any(&self, request: &Request<'_>) -> Option<Context> {
        let scan = HeaderScan::new(request.headers(), &self.fields);
        scan.has_context.then(|| self.extract(request))
    }
}

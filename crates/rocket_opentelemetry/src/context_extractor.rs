//! Step 2: the context that a request carries.

use std::sync::Arc;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::{Context, global};
use opentelemetry_http_semconv::propagation::IncomingHeaders;
use rocket::Request;

use crate::header_scan::{HeaderScan, RocketHeaders};

/// The propagator that the application sets, or else the global one.
#[derive(Clone, Default)]
pub(crate) struct Propagator(Option<Arc<dyn TextMapPropagator + Send + Sync>>);

impl Propagator {
    pub(crate) fn new(propagator: impl TextMapPropagator + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(propagator)))
    }

    pub(crate) fn with<T>(&self, mut call: impl FnMut(&dyn TextMapPropagator) -> T) -> T {
        match &self.0 {
            Some(propagator) => call(propagator.as_ref()),
            None => global::get_text_map_propagator(call),
        }
    }
}

/// Extracts the context that a request carries.
pub(crate) struct ContextExtractor {
    propagator: Propagator,
    /// The headers that the propagator reads, as it is now.
    pub(crate) fields: Vec<String>,
}

impl ContextExtractor {
    pub(crate) fn new(propagator: Propagator) -> Self {
        let fields = propagator.with(|p| p.fields().map(str::to_owned).collect());
        Self { propagator, fields }
    }

    /// The context; an empty one if the headers hold none that is valid.
    pub(crate) fn extract(&self, request: &Request<'_>) -> Context {
        let rocket_headers = RocketHeaders(request.headers());
        let headers = IncomingHeaders::new(&rocket_headers);
        self.propagator.with(|p| p.extract_with_context(&Context::new(), &headers))
    }

    /// The context, if the request has any header of one.
    pub(crate) fn extract_if_any(&self, request: &Request<'_>) -> Option<Context> {
        let scan = HeaderScan::new(request.headers(), &self.fields);
        scan.has_context.then(|| self.extract(request))
    }
}

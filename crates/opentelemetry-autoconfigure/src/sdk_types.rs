//! The configuration in the types of the SDK: resource, sampler, limits and propagators.

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_http_semconv::propagation::{StrictBaggage, StrictTraceContext};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{Sampler, SpanData};

use super::config::{Config, Propagator, Sampling, SpanLimits};

impl Config {
    /// The resource that all telemetry belongs to.
    #[must_use]
    pub fn resource(&self) -> Resource {
        let attributes = self.resource_attributes.iter();
        // Later attributes win: the service's own last.
        Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_attributes(attributes.map(|(k, v)| KeyValue::new(k.clone(), v.clone())))
            .with_service_name(self.service_name.clone())
            .build()
    }

    /// The sampler. It records nothing if the SDK is disabled.
    #[must_use]
    pub fn sampler(&self) -> Sampler {
        if self.disabled {
            return Sampler::AlwaysOff;
        }
        let Sampling { parent_based, ratio } = self.sampling;
        let root = if ratio >= 1.0 {
            Sampler::AlwaysOn
        } else if ratio <= 0.0 {
            Sampler::AlwaysOff
        } else {
            Sampler::TraceIdRatioBased(ratio)
        };
        if parent_based { Sampler::ParentBased(Box::new(root)) } else { root }
    }

    /// The propagators, whether or not the SDK is disabled.
    #[must_use]
    pub fn propagator(&self) -> TextMapCompositePropagator {
        let propagator = |propagator: &Propagator| -> Box<dyn TextMapPropagator + Send + Sync> {
            match propagator {
                Propagator::TraceContext => Box::new(StrictTraceContext),
                Propagator::Baggage => Box::new(StrictBaggage),
            }
        };
        TextMapCompositePropagator::new(self.propagators.iter().map(propagator).collect())
    }
}

impl SpanLimits {
    /// Applies [`value_length`](Self::value_length), which the SDK does not, to text values and
    /// lists of them in the attributes of the span, its events and its links.
    pub fn truncate(&self, span: &mut SpanData) {
        let Some(limit) = self.value_length else { return };
        let events = span.events.events.iter_mut().flat_map(|event| event.attributes.iter_mut());
        let links = span.links.links.iter_mut().flat_map(|link| link.attributes.iter_mut());
        for KeyValue { value, .. } in span.attributes.iter_mut().chain(events).chain(links) {
            match value {
                Value::String(text) => truncate(text, limit),
                Value::Array(Array::String(texts)) => {
                    for text in texts {
                        truncate(text, limit);
                    }
                }
                _ => {}
            }
        }
    }
}

fn truncate(text: &mut StringValue, characters: usize) {
    if let Some((end, _)) = text.as_str().char_indices().nth(characters) {
        *text = text.as_str()[..end].to_owned().into();
    }
}

//! What any server makes of a configuration: resource, sampler, limits and propagator.

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{Sampler, SpanData, SpanLimits};

use super::config::{Config, Propagator, Root};
use opentelemetry_http_semconv::propagation::{StrictBaggage, StrictTraceContext};

pub fn resource(config: &Config) -> Resource {
    let given = config.resource.iter();
    let given = given.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    // Later attributes win: defaults come first.
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(given)
        .with_service_name(config.service_name.clone())
        .build()
}

pub fn sampler(config: &Config) -> Sampler {
    if config.disabled {
        return Sampler::AlwaysOff;
    }
    let root = match config.sampling.root {
        Root::On => Sampler::AlwaysOn,
        Root::Off => Sampler::AlwaysOff,
        Root::Ratio(ratio) => Sampler::TraceIdRatioBased(ratio),
    };
    if config.sampling.parent_based { Sampler::ParentBased(Box::new(root)) } else { root }
}

pub fn span_limits(config: &Config) -> SpanLimits {
    let limits = &config.limits;
    SpanLimits {
        max_attributes_per_span: limits.attributes,
        max_events_per_span: limits.events,
        max_links_per_span: limits.links,
        max_attributes_per_event: limits.event_attributes,
        max_attributes_per_link: limits.link_attributes,
    }
}

pub fn propagator(config: &Config) -> TextMapCompositePropagator {
    let propagator = |propagator: &Propagator| -> Box<dyn TextMapPropagator + Send + Sync> {
        match propagator {
            Propagator::TraceContext => Box::new(StrictTraceContext),
            Propagator::Baggage => Box::new(StrictBaggage),
        }
    };
    TextMapCompositePropagator::new(config.propagators.iter().map(propagator).collect())
}

/// `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, which the SDK leaves undone: texts, and texts in
/// lists, are cut to a number of characters, in attributes of the span, its events and links.
pub fn truncate(span: &mut SpanData, limit: usize) {
    let events = span.events.events.iter_mut().flat_map(|event| event.attributes.iter_mut());
    let links = span.links.links.iter_mut().flat_map(|link| link.attributes.iter_mut());
    for KeyValue { value, .. } in span.attributes.iter_mut().chain(events).chain(links) {
        match value {
            Value::String(text) => cut(text, limit),
            Value::Array(Array::String(texts)) => texts.iter_mut().for_each(|t| cut(t, limit)),
            _ => {}
        }
    }
}

fn cut(text: &mut StringValue, limit: usize) {
    if let Some((end, _)) = text.as_str().char_indices().nth(limit) {
        *text = text.as_str()[..end].to_owned().into();
    }
}

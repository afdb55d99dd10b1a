//! The sampler and the propagators.

use std::collections::{BTreeSet, HashMap};

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};

use super::Row;
use crate::support::{Pair, Pipeline};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_TRACES_SAMPLER", a_sampler_decides_for_roots_and_for_children),
    ("OTEL_TRACES_SAMPLER", sampler_names_are_case_insensitive),
    ("OTEL_TRACES_SAMPLER_ARG", a_ratio_samples_about_its_part_of_all_traces),
    ("OTEL_PROPAGATORS", the_named_propagators_propagate_and_no_other),
];

/// A parent in another process.
fn parent(flags: TraceFlags) -> Context {
    let (trace, span) = (TraceId::from(7), SpanId::from(8));
    let parent = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    Context::new().with_remote_span_context(parent)
}

/// Which of a root, a sampled parent's child and an unsampled parent's child arrive.
#[track_caller]
fn sampled(variables: &[Pair<'_>]) -> BTreeSet<String> {
    let (receiver, pipeline) = Pipeline::start(variables);
    let tracer = pipeline.tracer();
    tracer.start("root").end();
    tracer.start_with_context("of sampled", &parent(TraceFlags::SAMPLED)).end();
    tracer.start_with_context("of unsampled", &parent(TraceFlags::default())).end();
    pipeline.flush();
    receiver.spans().into_iter().map(|span| span.name).collect()
}

#[test]
fn a_sampler_decides_for_roots_and_for_children() {
    let all = ["root", "of sampled", "of unsampled"];
    for (sampler, arrive) in [
        ("always_on", &all[..]),
        ("always_off", &[]),
        ("parentbased_always_on", &["root", "of sampled"]),
        ("parentbased_always_off", &["of sampled"]),
        ("", &["root", "of sampled"]),
    ] {
        let wanted: BTreeSet<_> = arrive.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", sampler)]), wanted, "{sampler}");
    }
    for (ratio, arrive) in [("0", &all[1..2]), ("1", &all[..2])] {
        let variables = [
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", ratio),
        ];
        let wanted: BTreeSet<_> = arrive.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(sampled(&variables), wanted, "{ratio}");
    }
}

#[test]
fn sampler_names_are_case_insensitive() {
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "Always_OFF")]), BTreeSet::new());
    let variables = [("OTEL_TRACES_SAMPLER", "TraceIdRatio"), ("OTEL_TRACES_SAMPLER_ARG", "0.0")];
    assert_eq!(sampled(&variables), BTreeSet::new());
}

#[test]
fn a_ratio_samples_about_its_part_of_all_traces() {
    let variables = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
    let (receiver, pipeline) = Pipeline::start(&variables);
    pipeline.end_spans("chance", 4_000);
    pipeline.flush();
    // A fair quarter is 1,000; nine standard deviations either way is never by chance.
    let sampled = receiver.spans().len();
    assert!((750..1_250).contains(&sampled), "{sampled}");
}

#[test]
fn the_named_propagators_propagate_and_no_other() {
    for (list, fields) in [
        ("", &["baggage", "traceparent"][..]),
        ("tracecontext", &["traceparent"]),
        ("Baggage", &["baggage"]),
        ("baggage, tracecontext", &["baggage", "traceparent"]),
        ("none", &[]),
    ] {
        let (_receiver, pipeline) = Pipeline::start(&[("OTEL_PROPAGATORS", list)]);
        let baggage = opentelemetry::KeyValue::new("user", "7");
        let context = parent(TraceFlags::SAMPLED).with_baggage([baggage]);
        let mut carrier = HashMap::new();
        pipeline.0.propagator().inject_context(&context, &mut carrier);
        let set = carrier.iter().filter(|(_, value)| !value.is_empty());
        let set: BTreeSet<_> = set.map(|(name, _)| name.as_str()).collect();
        assert_eq!(set, fields.iter().copied().collect(), "{list}");
    }
}

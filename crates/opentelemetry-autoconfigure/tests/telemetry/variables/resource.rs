//! The resource of all telemetry.

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_autoconfigure::State;
use std::collections::HashMap;

use super::Row;
use crate::support::{Pair, Pipeline, SOON, config};
use otlp_receiver::Attributes;

pub(super) const TESTED: &[Row] = &[
    ("OTEL_SERVICE_NAME", the_service_name_arrives_with_spans_and_metrics),
    ("OTEL_RESOURCE_ATTRIBUTES", resource_attributes_arrive_percent_decoded),
    ("OTEL_SDK_DISABLED", a_disabled_sdk_exports_nothing_and_propagates_contexts),
];

/// The resource that comes with a span.
#[track_caller]
fn resource(variables: &[Pair<'_>]) -> Attributes {
    let (receiver, pipeline) = Pipeline::start(variables);
    pipeline.end_spans("sent", 1);
    pipeline.flush();
    receiver.wait_for_spans(1, SOON).remove(0).resource
}

#[test]
fn the_service_name_arrives_with_spans_and_metrics() {
    let variables = [("OTEL_SERVICE_NAME", "bakery"), ("OTEL_METRICS_EXPORTER", "otlp")];
    let (receiver, pipeline) = Pipeline::start(&variables);
    pipeline.export("sent");
    assert_eq!(receiver.spans()[0].resource["service.name"], "bakery");
    assert_eq!(receiver.wait_for_metric("sent", SOON).resource["service.name"], "bakery");
}

#[test]
fn without_variables_the_applications_defaults_apply() {
    let resource = resource(&[("OTEL_SERVICE_NAME", "")]);
    assert_eq!(resource["service.name"], "shop");
    assert_eq!(resource["service.version"], "1.2.3");
    assert_eq!(resource["telemetry.sdk.language"], "rust");
}

#[test]
fn resource_attributes_arrive_percent_decoded() {
    let list = "team=caf%C3%A9, a%2Cb = 1%3D2 ,service.version=2.5,deployment.environment.name=ci,";
    let resource = resource(&[("OTEL_RESOURCE_ATTRIBUTES", list)]);
    assert_eq!(resource["team"], "café");
    assert_eq!(resource["a,b"], "1=2");
    assert_eq!(resource["service.version"], "2.5");
    assert_eq!(resource["deployment.environment.name"], "ci");
}

#[test]
fn the_variable_of_the_service_name_takes_precedence_over_the_list() {
    let list = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-list,kept=1");
    let only_list = resource(&[list]);
    assert_eq!(only_list["service.name"], "from-list");
    let both = resource(&[list, ("OTEL_SERVICE_NAME", "from-name")]);
    assert_eq!(both["service.name"], "from-name");
    assert_eq!(both["kept"], "1");
}

#[test]
fn a_malformed_list_is_ignored_as_a_whole_with_a_warning() {
    for list in ["good=1,bad", "good=1,=nameless", "good=1,bytes=%FF", "good=1,escape=%zz"] {
        let variables = [("OTEL_RESOURCE_ATTRIBUTES", list)];
        assert_eq!(resource(&variables).get("good"), None, "{list}");
        let warnings = config(&variables).warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("invalid OTEL_RESOURCE_ATTRIBUTES="), "{warnings:?}");
    }
}

#[test]
fn a_disabled_sdk_exports_nothing_and_propagates_contexts() {
    let variables = [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_METRICS_EXPORTER", "otlp")];
    let (receiver, pipeline) = Pipeline::start(&variables);
    pipeline.end_spans("unexported", 3);
    pipeline.count("unexported", 1);
    pipeline.flush();
    assert!(pipeline.0.exporter_status().iter().all(|status| status.state == State::Off));

    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
    let came = HashMap::from([("traceparent".to_owned(), parent)]);
    let propagator = pipeline.0.propagator();
    let context = propagator.extract_with_context(&Context::new(), &came);
    let mut goes = HashMap::new();
    propagator.inject_context(&context, &mut goes);
    assert_eq!(goes.get("traceparent"), came.get("traceparent"));

    assert!(pipeline.0.shutdown().is_empty());
    assert_eq!(receiver.connection_count(), 0);
}

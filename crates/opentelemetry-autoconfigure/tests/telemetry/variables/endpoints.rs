//! The protocol and the address.

use std::time::Instant;

use opentelemetry_autoconfigure::{Config, SignalConfig};

use super::Row;
use crate::support::{PROTOCOLS, Pair, Pipeline, SOON, config, over_both};
use otlp_receiver::{Behaviour, Receiver, Signal, Transport};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_EXPORTER_OTLP_{SIGNAL}PROTOCOL", the_named_protocol_is_used),
    (
        "OTEL_EXPORTER_OTLP_{SIGNAL}ENDPOINT",
        the_endpoint_of_a_signal_takes_precedence_and_is_used_as_it_is,
    ),
    ("OTEL_EXPORTER_OTLP_{SIGNAL}ENDPOINT", the_general_endpoint_is_a_base_for_http),
    ("OTEL_EXPORTER_OTLP_{SIGNAL}INSECURE", an_endpoint_without_a_scheme_is_plain_text_if_insecure),
    ("OTEL_EXPORTER_OTLP_{SIGNAL}TIMEOUT", an_export_ends_with_its_timeout),
    ("OTEL_EXPORTER_OTLP_{SIGNAL}COMPRESSION", compressed_requests_arrive),
];

/// Exports a span and a metric.
#[track_caller]
fn export(variables: &[Pair<'_>]) {
    let pipeline = Pipeline::new(variables);
    pipeline.export("sent");
}

fn signals(config: &Config) -> [(&'static str, &SignalConfig); 3] {
    [("TRACES", &config.traces), ("METRICS", &config.metrics), ("LOGS", &config.logs)]
}

#[test]
fn the_named_protocol_is_used() {
    for (protocol, transport) in [
        ("", Transport::Grpc),
        ("gRPC", Transport::Grpc),
        ("http/protobuf", Transport::HttpProtobuf),
    ] {
        let receiver = Receiver::start();
        let endpoint = receiver.endpoint();
        export(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ]);
        for signal in [Signal::Traces, Signal::Metrics] {
            assert_eq!(receiver.received().of(signal).next().expect("one").transport, transport);
        }
    }
}

#[test]
fn the_protocol_of_a_signal_takes_precedence() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    export(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
    ]);
    let all = receiver.received();
    let transport = |signal| all.of(signal).next().expect("one").transport;
    assert_eq!(transport(Signal::Traces), Transport::Grpc);
    assert_eq!(transport(Signal::Metrics), Transport::HttpProtobuf);
}

#[test]
fn the_general_endpoint_is_a_base_for_http() {
    let receiver = Receiver::start();
    for path in ["", "/", "/base", "/base/"] {
        receiver.clear();
        let endpoint = format!("{}{path}", receiver.endpoint());
        let pipeline = Pipeline::new(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ]);
        pipeline.end_spans("sent", 1);
        // The receiver knows no path but the shortest.
        let _ = pipeline.0.flush();
        let request = receiver.requests().remove(0);
        assert_eq!(request.path, format!("{}/v1/traces", path.trim_end_matches('/')));
    }
}

#[test]
fn the_endpoint_of_a_signal_takes_precedence_and_is_used_as_it_is() {
    for protocol in PROTOCOLS {
        let general = Receiver::start();
        let own = Receiver::start();
        let (general_endpoint, own_endpoint) = (general.endpoint(), own.endpoint());
        let own_endpoint = match protocol {
            "grpc" => own_endpoint,
            _ => format!("{own_endpoint}/v1/traces"),
        };
        export(&[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &general_endpoint),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &own_endpoint),
        ]);
        assert_eq!((own.spans().len(), own.metric("sent")), (1, None), "{protocol}");
        assert_eq!(general.spans(), [], "{protocol}");
        assert!(general.metric("sent").is_some(), "{protocol}");
    }
    let variables = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318"),
    ];
    // As specified: without a path, it is the root.
    assert_eq!(config(&variables).traces.otlp.endpoint.uri.path(), "/");
}

#[test]
fn a_collector_on_this_machine_is_the_default() {
    let targets = |variables: &[Pair<'_>]| {
        signals(&config(variables)).map(|(_, signal)| signal.otlp.endpoint.uri.to_string())
    };
    assert_eq!(targets(&[]), ["http://localhost:4317/"; 3]);
    let http = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
    let paths = ["traces", "metrics", "logs"];
    assert_eq!(targets(&http), paths.map(|path| format!("http://localhost:4318/v1/{path}")));
}

#[test]
fn an_endpoint_without_a_scheme_is_plain_text_if_insecure() {
    let receiver = Receiver::start();
    let endpoint = receiver.address().to_string();
    for insecure in ["OTEL_EXPORTER_OTLP_INSECURE", "OTEL_EXPORTER_OTLP_TRACES_INSECURE"] {
        let pipeline = Pipeline::to(
            &receiver,
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), (insecure, "True")],
        );
        pipeline.end_spans("plain", 1);
        pipeline.flush();
    }
    assert_eq!(receiver.spans().len(), 2);
    for insecure in ["", "false"] {
        let config = config(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
            ("OTEL_EXPORTER_OTLP_INSECURE", insecure),
        ]);
        assert_eq!(config.traces.otlp.endpoint.uri, "https://collector:4317/");
    }
}

#[test]
fn a_scheme_takes_precedence_over_insecure() {
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4317"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
    ]);
    assert_eq!(config.traces.otlp.endpoint.uri.scheme_str(), Some("https"));
}

#[test]
fn an_export_ends_with_its_timeout() {
    over_both(|receiver| {
        receiver.set(Behaviour::Hang);
        let pipeline = receiver.pipeline(&[
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "300"),
        ]);
        pipeline.end_spans("hanging", 1);
        let began = Instant::now();
        pipeline.flush_error();
        let took = began.elapsed().as_millis();
        assert!((300..5_000).contains(&took), "{took} ms");
        receiver.set(Behaviour::Accept);
    });
    let general = config(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "1234")]);
    for (name, signal) in signals(&general) {
        assert_eq!(signal.otlp.timeout.as_millis(), 1_234, "{name}");
    }
}

#[test]
fn compressed_requests_arrive() {
    for (protocol, header) in [("grpc", "grpc-encoding"), ("http/protobuf", "content-encoding")] {
        for (compression, encoding) in [("GZIP", Some("gzip")), ("none", None), ("", None)] {
            let receiver = Receiver::start();
            let endpoint = receiver.endpoint();
            export(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
            ]);
            assert_eq!(receiver.spans()[0].name, "sent");
            assert!(receiver.wait_for_metric("sent", SOON).points[0].int() == 1);
            for request in receiver.requests() {
                assert_eq!(request.header(header), encoding, "{request:?}");
            }
        }
    }
}

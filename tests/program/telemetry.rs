//! The metrics and the log records of a running server, and the traces that these belong to.

use otlp_receiver::{MetricKind, Receiver, SeverityNumber, Signal, Temporality};

use crate::over_both;
use crate::process::Program;
use crate::support::SOON;

#[test]
fn the_metrics_of_requests_and_of_the_application_arrive() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let variables = [
            protocol,
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "3600000"),
        ];
        let server = Program::serving(&receiver, &variables).start();
        server.get("/api/process");
        for _ in 0..2 {
            server.get("/api/users");
            server.get("/api/error");
        }
        server.end();
        let metric = |name: &str| receiver.wait_for_metric(name, SOON);

        let requests = metric("app.requests.total");
        assert_eq!(requests.kind, MetricKind::Sum { monotonic: true });
        assert_eq!(requests.temporality, Temporality::Cumulative);
        assert_eq!(requests.point(&[("endpoint", "/api/users")]).int(), 2, "{protocol:?}");
        assert_eq!(requests.point(&[("status", 500)]).int(), 2, "{protocol:?}");
        assert_eq!(requests.resource["service.name"], "rocket-demo-app");

        let duration = metric("app.request.duration");
        assert_eq!((duration.kind, &*duration.unit), (MetricKind::Histogram, "ms"));
        let users = duration.point(&[("endpoint", "/api/users")]).histogram();
        assert_eq!(users.count, 2);
        assert!(users.min.expect("a minimum") >= 100.0, "{users:?}");

        let gauge = metric("app.custom.gauge");
        assert_eq!(gauge.kind, MetricKind::Gauge);
        assert!((1..=100).contains(&gauge.points[0].int()), "{gauge:?}");

        let http = metric("http.server.request.duration");
        assert_eq!((http.kind, &*http.unit), (MetricKind::Histogram, "s"));
        let process = http.point(&[("http.route", "/api/process")]);
        assert_eq!(process.attributes["http.request.method"], "GET");
        assert_eq!(process.attributes["http.response.status_code"], 200);
        assert_eq!(process.histogram().count, 1);
        let buckets =
            [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
        assert_eq!(process.histogram().explicit_bounds, buckets);
        assert_eq!(http.point(&[("error.type", "500")]).histogram().count, 2);

        let active = metric("http.server.active_requests");
        assert_eq!(active.kind, MetricKind::Sum { monotonic: false });
        assert_eq!(active.points.len(), 1);
        assert_eq!(active.points[0].int(), 0, "none is left");
    });
}

#[test]
fn log_records_name_their_trace_on_stderr_and_over_otlp() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let variables = [protocol, ("OTEL_LOGS_EXPORTER", "otlp")];
        let server = Program::serving(&receiver, &variables).start();
        let trace_id = server.get("/api/error").trace_id();
        let line = server.wait_for_log("Simulated error for tracing");
        assert!(line.contains(&format!("trace_id={trace_id}")), "{line}");
        assert!(line.contains("ERROR") && line.contains("handlers::error"), "{line}");
        let ended = server.end();
        assert!(ended.stderr.contains("none lost"), "{ended:?}");

        let logs = receiver.logs();
        let error = logs.iter().find(|log| log.body == "Simulated error for tracing");
        let error = error.unwrap_or_else(|| panic!("{logs:?}"));
        assert_eq!(error.trace_id.as_deref(), Some(&*trace_id), "{protocol:?}");
        assert_eq!(error.severity_number, SeverityNumber::Error);
        let spans = receiver.spans();
        let span = spans.iter().find(|span| Some(&span.span_id) == error.span_id.as_ref());
        assert_eq!(span.expect("the request's span").trace_id, trace_id, "{protocol:?}");
        let serving = logs.iter().find(|log| log.body.as_str().is_some_and(|b| b.contains("http")));
        assert_eq!(serving.expect("the first line").trace_id, None);
    });
}

#[test]
fn an_export_of_log_records_makes_no_log_records() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let variables = [
            protocol,
            ("OTEL_LOGS_EXPORTER", "otlp"),
            ("OTEL_LOG_LEVEL", "trace"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "5"),
        ];
        let server = Program::serving(&receiver, &variables).start();
        receiver.wait_for_logs(1, SOON);
        let before = receiver.request_count(Signal::Logs);
        // An export that made a record would cause the next export.
        for _ in 0..5 {
            server.get("/api/users");
        }
        receiver.wait_for_spans(10, SOON);
        let exports = receiver.request_count(Signal::Logs) - before;
        assert!(exports < 50, "{protocol:?}: {exports} exports during five requests");
        let is_of_an_export = |body: &str| body.contains("/v1/logs");
        let mut logs = receiver.logs();
        logs.retain(|log| log.body.as_str().is_some_and(is_of_an_export));
        assert!(logs.is_empty(), "{protocol:?}: {logs:?}");
        server.end();
    });
}

#[test]
fn a_server_with_one_worker_exports_while_it_serves() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        let variables = [protocol, ("ROCKET_WORKERS", "1"), ("OTEL_BSP_SCHEDULE_DELAY", "10")];
        let server = Program::serving(&receiver, &variables).start();
        for served in 1..=5 {
            server.get("/api/users");
            receiver.wait_for_spans(2 * served, SOON);
        }
        server.end();
    });
}

#[test]
fn a_disabled_sdk_serves_and_exports_nothing() {
    let receiver = Receiver::start();
    let variables = [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "10"),
    ];
    let server = Program::serving(&receiver, &variables).start();
    assert_eq!(server.get("/api/users").status, 200);
    assert_eq!(server.get("/api/traces").status, 404);
    server.end();
    assert_eq!(receiver.connection_count(), 0);
}

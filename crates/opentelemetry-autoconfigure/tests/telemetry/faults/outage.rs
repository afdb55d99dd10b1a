//! Collectors that go and come back, and those that never come.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::{Pair, Pipeline, SOON, Target, over_both, poll};
use otlp_receiver::{Behaviour, ReceivedMetric, Receiver, Signal, TlsMode, Value};

/// Room for fewer spans than an outage makes; a request without a response ends soon.
const TIGHT: &[Pair<'_>] = &[
    ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "60"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1500"),
    ("OTEL_METRICS_EXPORTER", "otlp"),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
];

/// Spans of an outage: five times the room.
const MANY: usize = 300;

/// A pipeline whose metrics go to a receiver that works, so that they report a failure of the other.
struct Observed {
    pipeline: Pipeline,
    metrics: Receiver,
    ended: u64,
}

impl Observed {
    #[track_caller]
    fn new(receiver: &Target, more: &[Pair<'_>]) -> Self {
        let metrics = Receiver::start();
        let own = [("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &*metrics.endpoint())];
        let pipeline = receiver.pipeline(&[&own, TIGHT, more].concat());
        Self { pipeline, metrics, ended: 0 }
    }

    fn end_spans(&mut self, count: usize) {
        self.pipeline.end_spans("request", count);
        self.ended += count as u64;
    }

    /// Waits until the metrics account for every span and none is pending. Returns how many spans the
    /// processor dropped, and how many the exporter failed to export.
    #[track_caller]
    fn settled(&self) -> (u64, u64) {
        self.account(|pending| pending == 0)
    }

    #[track_caller]
    fn account(&self, enough: impl Fn(u64) -> bool) -> (u64, u64) {
        self.metrics.wait(SOON, "account of every span", |all| {
            let [passed, dropped] = split(all.metric("otel.sdk.processor.span.processed")?);
            let [taken, failed] = split(all.metric("otel.sdk.exporter.span.exported")?);
            let pending = split(all.metric("otel.sdk.processor.span.queue.size")?)[0];
            let whole = passed == taken + failed && passed + dropped + pending == self.ended;
            (whole && enough(pending)).then_some((dropped, failed))
        })
    }
}

/// The sums of a metric's points without and with an `error.type`.
fn split(metric: &ReceivedMetric) -> [u64; 2] {
    let mut sums = [0, 0];
    for point in &metric.points {
        let failed = point.attributes.get("error.type").and_then(Value::as_str).is_some();
        sums[usize::from(failed)] += u64::try_from(point.int()).expect("a count");
    }
    sums
}

/// An outage that costs spans: what has room is exported after it, and the rest is counted.
fn outage(begin: impl Fn(&Receiver) + Sync, end: fn(&Receiver)) {
    over_both(|receiver| {
        begin(receiver);
        let mut observed = Observed::new(receiver, &[]);
        observed.end_spans(MANY);
        poll("failed export", || observed.pipeline.traces().detail);
        assert_eq!(observed.account(|_| true), (240, 0), "60 spans have room");
        end(receiver);
        assert_eq!(observed.settled(), (240, 0));
        observed.end_spans(3);
        assert_eq!(observed.settled(), (240, 0));
        assert_eq!(observed.pipeline.shutdown(), (63, 240));
        assert_eq!(receiver.spans().len(), 63);
    });
}

fn accept(receiver: &Receiver) {
    receiver.set(Behaviour::Accept);
}

#[test]
fn an_outage_of_an_absent_collector() {
    outage(Receiver::stop, Receiver::restart);
}

#[test]
fn an_outage_of_a_hanging_collector() {
    outage(|receiver| receiver.set(Behaviour::Hang), accept);
}

#[test]
fn an_outage_of_an_unavailable_collector() {
    outage(|receiver| receiver.set(Behaviour::Unavailable), accept);
}

#[test]
fn an_outage_of_an_exhausted_collector_that_asks_for_pauses() {
    let retry_after = Some(Duration::from_millis(300));
    outage(|receiver| receiver.set(Behaviour::ResourceExhausted { retry_after }), accept);
}

/// An outage without an end: nothing is given up before the shutdown, which counts everything.
#[track_caller]
fn for_good(receiver: &Target, more: &[Pair<'_>]) {
    let mut observed = Observed::new(receiver, more);
    observed.end_spans(MANY);
    poll("failed export", || observed.pipeline.traces().detail);
    assert_eq!(observed.account(|_| true), (240, 0));
    assert_eq!(observed.pipeline.shutdown(), (0, MANY as u64));
}

#[test]
fn a_wrong_certificate_loses_everything_and_hides_nothing() {
    let stranger = Receiver::start_tls(TlsMode::Server);
    let trusted = stranger.pki().ca().display().to_string();
    over_both(|Target { protocol, .. }| {
        let receiver = Target { protocol, receiver: Receiver::start_tls(TlsMode::Server) };
        for_good(&receiver, &[("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", &trusted)]);
        assert!(!receiver.received().handshake_failures.is_empty());
        assert_eq!(receiver.requests().len(), 0);
    });
}

#[test]
fn a_name_that_does_not_resolve_loses_everything_and_hides_nothing() {
    // Longer than a label may be: the resolver answers without a query.
    let unresolvable = format!("http://{}.invalid:4317", "n".repeat(64));
    let endpoint = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*unresolvable)];
    over_both(|receiver| for_good(receiver, &endpoint));
}

#[test]
fn a_slow_collector_costs_nothing_and_gets_everything_once() {
    over_both(|receiver| {
        receiver.set(Behaviour::Delay(Duration::from_millis(500)));
        let room = [("OTEL_BSP_MAX_QUEUE_SIZE", "1000")];
        let mut observed = Observed::new(receiver, &room);
        observed.end_spans(MANY);
        assert_eq!(observed.settled(), (0, 0));
        assert_eq!(observed.pipeline.shutdown(), (MANY as u64, 0));
        assert_eq!(receiver.spans().len(), MANY);
    });
}

#[test]
fn a_signal_that_is_not_accepted_is_counted_and_ends_when_it_is_accepted() {
    over_both(|receiver| {
        receiver.set(Behaviour::Unimplemented);
        let room = [("OTEL_BSP_MAX_QUEUE_SIZE", "1000")];
        let mut observed = Observed::new(receiver, &room);
        observed.end_spans(MANY);
        assert_eq!(observed.settled(), (0, MANY as u64));
        receiver.set(Behaviour::Accept);
        observed.end_spans(3);
        assert_eq!(observed.settled(), (0, MANY as u64));
        assert_eq!(observed.pipeline.shutdown(), (3, MANY as u64));
    });
}

#[test]
fn each_partial_rejection_is_counted() {
    over_both(|receiver| {
        let message = "attributes too long".to_owned();
        receiver.set(Behaviour::PartialSuccess { rejected: 2, message });
        let room = [("OTEL_BSP_MAX_QUEUE_SIZE", "1000"), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
        let mut observed = Observed::new(receiver, &room);
        observed.end_spans(MANY);
        let (dropped, rejected) = observed.settled();
        let exports = receiver.request_count(Signal::Traces);
        assert_eq!((dropped, rejected, exports), (0, 30, 15));
        receiver.set(Behaviour::Accept);
        observed.end_spans(20);
        assert_eq!(observed.settled(), (0, 30));
        // The receiver keeps what it calls rejected.
        assert_eq!(receiver.spans().len(), MANY + 20);
    });
}

#[test]
fn an_outage_shorter_than_the_queue_loses_nothing() {
    over_both(|receiver| {
        let pipeline = receiver.pipeline(&[
            ("OTEL_BSP_SCHEDULE_DELAY", "5"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "1000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
        ]);
        pipeline.end_spans("before", 100);
        receiver.wait_for_spans(100, SOON);
        receiver.stop();
        pipeline.end_spans("during", 500);
        pipeline.flush_error();
        assert_eq!(pipeline.traces().dropped, 0);
        receiver.restart();
        pipeline.end_spans("after", 100);
        // There is no flush: the retries find the collector.
        receiver.wait_for_spans(700, SOON);
        assert_eq!(pipeline.shutdown(), (700, 0));
        let ids: HashSet<_> = receiver.spans().into_iter().map(|span| span.span_id).collect();
        assert_eq!((ids.len(), receiver.spans().len()), (700, 700));
    });
}

#[test]
fn a_batch_that_was_refused_for_now_is_exported_once() {
    over_both(|receiver| {
        for _ in 0..3 {
            receiver.next(Signal::Traces, Behaviour::Unavailable);
        }
        let pipeline = receiver.pipeline(&[("OTEL_BSP_SCHEDULE_DELAY", "1")]);
        pipeline.end_spans("retried", 4);
        receiver.wait_for_spans(4, SOON);
        poll("count of what arrived", || (pipeline.traces().exported == 4).then_some(()));
        assert_eq!(receiver.spans().len(), 4);
        // One request per try: there is one retry policy.
        assert_eq!(receiver.request_count(Signal::Traces), 4);
    });
}

#[test]
fn metrics_and_log_records_survive_a_moments_interruption() {
    over_both(|receiver| {
        for signal in [Signal::Metrics, Signal::Logs] {
            receiver.next(signal, Behaviour::Unavailable);
        }
        let pipeline =
            receiver.pipeline(&[("OTEL_METRICS_EXPORTER", "otlp"), ("OTEL_LOGS_EXPORTER", "otlp")]);
        pipeline.count("kept", 1);
        let record = log::Record::builder().args(format_args!("kept")).target("app").build();
        log::Log::log(&pipeline.0.logger(), &record);
        pipeline.flush();
        assert!(receiver.metric("kept").is_some());
        assert_eq!(receiver.logs().len(), 1);
        for signal in [Signal::Metrics, Signal::Logs] {
            assert_eq!(receiver.request_count(signal), 2, "{signal}");
        }
    });
}

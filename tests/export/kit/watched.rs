//! The real binary with two receivers: one that a test lets fail takes the spans, one that works
//! takes the metrics, so that what is told of a failure always arrives.

use std::collections::BTreeSet;

use super::http::Pending;
use super::pipeline::Pair;
use super::{Program, SOON, Server};
use otlp_receiver::{ReceivedMetric, Receiver, Value};

/// What a person reads when an outage begins, and when it ends.
pub(crate) const BEGINS: &str = "traces: cannot export to";
pub(crate) const ENDS: &str = "traces: export to";

/// A server whose spans are counted where they end, where they arrive and where they are lost.
pub(crate) struct Watched {
    server: Server,
    metrics: Receiver,
    /// Spans that have ended: one for each request answered.
    pub(crate) ended: u64,
}

/// The program's last word on its spans.
#[derive(Debug)]
pub(crate) struct LastLine {
    pub(crate) exported: u64,
    pub(crate) lost: u64,
    pub(crate) stderr: String,
}

impl Watched {
    /// A server that sends its spans to `endpoint` as soon as they end.
    #[track_caller]
    pub(crate) fn start(endpoint: &str, protocol: &str, more: &[Pair<'_>]) -> Self {
        let metrics = Receiver::start();
        let healthy = metrics.endpoint();
        let first = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            // By gRPC, whose endpoint is a mere address.
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &*healthy),
            ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
        ];
        let variables = [&first, more].concat();
        let server = Program::new(&["serve", "--port", "0"], &variables).start();
        Self { server, metrics, ended: 0 }
    }

    /// Sends requests; each has to be answered.
    #[track_caller]
    pub(crate) fn answers(&mut self, requests: u64) {
        for _ in 0..requests {
            assert_eq!(self.server.get("/health").status, 200);
        }
        self.ended += requests;
    }

    /// The page, whose request makes a span too.
    #[track_caller]
    pub(crate) fn page(&mut self) -> String {
        self.ended += 1;
        let html = ["accept: text/html"];
        Pending::send(self.server.address, "GET", "/", &html).answer().body
    }

    /// Waits until a line with this text is there.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.server.stderr.wait_for(text)
    }

    /// Waits until the metrics account for every span, those that wait included; tells how many
    /// the processor dropped and how many the exporter failed with, by their `error.type`.
    #[track_caller]
    pub(crate) fn accounted(&self) -> (u64, u64) {
        self.account("account of every span", |_waiting| true)
    }

    /// Waits until no span waits any more, and every one is accounted for.
    #[track_caller]
    pub(crate) fn settled(&self) -> (u64, u64) {
        self.account("account of every span, with none waiting", |waiting| waiting == 0)
    }

    #[track_caller]
    fn account(&self, what: &str, enough: impl Fn(u64) -> bool) -> (u64, u64) {
        self.metrics.wait(SOON, what, |all| {
            let [passed, dropped] = split(all.metric("otel.sdk.processor.span.processed")?);
            let [taken, failed] = split(all.metric("otel.sdk.exporter.span.exported")?);
            let waiting = split(all.metric("otel.sdk.processor.span.queue.size")?)[0];
            let whole = passed == taken + failed && passed + dropped + waiting == self.ended;
            (whole && enough(waiting)).then_some((dropped, failed))
        })
    }

    /// Ends it. What its last line says has to agree with what ended and with what arrived.
    #[track_caller]
    pub(crate) fn end(self, receiver: Option<&Receiver>) -> LastLine {
        let ended = self.server.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let line = ended
            .stderr
            .lines()
            .find_map(|line| line.split_once("traces: ").filter(|_| line.contains("exported by")));
        let (_, said) = line.unwrap_or_else(|| panic!("no last line: {ended:?}"));
        let (exported, rest) = said.split_once(" exported by otlp, ").expect("a count");
        let lost = rest.split(' ').next().expect("a count of the lost");
        let lost = if lost == "none" { 0 } else { lost.parse().expect("a number") };
        let exported: u64 = exported.parse().expect("a number");
        assert_eq!(exported + lost, self.ended, "{ended:?}");
        // A receiver that calls some of a batch rejected keeps it all the same: see `rejected`.
        if let Some(receiver) = receiver {
            let spans = receiver.spans();
            let ids: BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
            assert_eq!((ids.len() as u64, spans.len() as u64), (exported, exported), "{ended:?}");
        }
        LastLine { exported, lost, stderr: ended.stderr }
    }
}

impl LastLine {
    /// Exactly so many lines hold the texts of an outage's beginning and end.
    #[track_caller]
    pub(crate) fn outages(&self, begun: usize, over: usize) {
        let count = |text: &str| self.stderr.lines().filter(|line| line.contains(text)).count();
        assert_eq!((count(BEGINS), count(ENDS)), (begun, over), "{}", self.stderr);
    }
}

/// What went well, and what has an `error.type`.
fn split(metric: &ReceivedMetric) -> [u64; 2] {
    let mut sums = [0, 0];
    for point in &metric.points {
        let failed = point.attributes.get("error.type").and_then(Value::as_str).is_some();
        sums[usize::from(failed)] += u64::try_from(point.int()).expect("a count");
    }
    sums
}

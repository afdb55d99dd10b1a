//! From the end of a span to a scripted exporter, under a paused clock:
//! batches, bounds, retries, flushes, the shutdown, and what is counted and logged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unchecked_time_subtraction,
    reason = "a failing test may panic"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor as _};
use tokio::time::{Instant, sleep};

use crate::batch_worker::{BatchWorker, ExportResult, ExportSpans};
use crate::span_processor::BufferingSpanProcessor;
use crate::{
    BatchConfig, Config, Destination, DropReason, Endpoint, ExportError, ExporterStats,
    ExporterStatus, FailureKind, Protocol, Rejected, Signal, SpanListener, State,
};

const HOUR: Duration = Duration::from_secs(3_600);
fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The result of one export.
#[derive(Clone)]
enum Answer {
    Accept,
    AcceptAfter(Duration),
    Reject(u64),
    Fail(FailureKind),
    /// A transient failure after some time.
    FailAfter(Duration),
    Panic,
}

use Answer::{Accept, AcceptAfter, Fail, FailAfter, Panic, Reject};

const TRANSIENT: Answer = Fail(FailureKind::Transient);
const REFUSED: Answer = Fail(FailureKind::Refused);

/// Answers from a script, then with its last answer.
struct FakeExporter {
    answers: Mutex<VecDeque<Answer>>,
    started: Instant,
    /// The time and the spans of each export.
    exports: Mutex<Vec<(Duration, Vec<SpanId>)>>,
}

impl FakeExporter {
    fn new(answers: &[Answer]) -> Arc<Self> {
        let answers = Mutex::new(answers.iter().cloned().collect());
        Arc::new(Self { answers, started: Instant::now(), exports: Mutex::default() })
    }

    /// The number of spans of each export.
    fn sizes(&self) -> Vec<usize> {
        self.exports.lock().unwrap().iter().map(|(_, spans)| spans.len()).collect()
    }

    /// The time of each export after the first.
    fn times(&self) -> Vec<Duration> {
        let exports = self.exports.lock().unwrap();
        exports.iter().skip(1).map(|(at, _)| *at - exports[0].0).collect()
    }

    fn answer_from_now_on(&self, answer: Answer) {
        *self.answers.lock().unwrap() = [answer].into();
    }
}

impl ExportSpans for Arc<FakeExporter> {
    async fn export(&self, spans: Vec<SpanData>) -> ExportResult {
        let answer = {
            let batch = spans.iter().map(|span| span.span_context.span_id()).collect();
            self.exports.lock().unwrap().push((self.started.elapsed(), batch));
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        };
        match answer.expect("an answer") {
            Accept => Ok(None),
            AcceptAfter(time) => {
                sleep(time).await;
                Ok(None)
            }
            Reject(count) => Ok(Some(Rejected { count, message: "too long".to_owned() })),
            Fail(kind) => Err(ExportError { message: "away".to_owned(), kind }),
            FailAfter(time) => {
                sleep(time).await;
                Err(ExportError::transient("no response"))
            }
            Panic => panic!("an exporter's fault"),
        }
    }
}

/// A processor with some exporters, each in batches of ten.
struct Pipeline {
    processor: BufferingSpanProcessor,
    exporters: Vec<Arc<FakeExporter>>,
    spans: u64,
}

const BATCH: BatchConfig = BatchConfig { delay: HOUR, queue: 100, batch: 10 };
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
const CONCURRENCY: usize = 8;

impl Pipeline {
    fn new(batch: BatchConfig, answers: &[Answer]) -> Self {
        Self::with_exporters(batch, &[answers])
    }

    fn with_exporters(batch: BatchConfig, answers: &[&[Answer]]) -> Self {
        let exporters: Vec<_> = answers.iter().map(|answers| FakeExporter::new(answers)).collect();
        let worker = |exporter: &Arc<FakeExporter>| {
            let stats = Arc::new(ExporterStats::new(Signal::Traces, Destination::Console));
            let worker = Arc::new(BatchWorker::new(batch, EXPORT_TIMEOUT, stats));
            tokio::spawn(worker.clone().run(exporter.clone(), CONCURRENCY));
            worker
        };
        let workers = exporters.iter().map(worker).collect();
        let limits = Config::default().span_limits;
        let processor = BufferingSpanProcessor::new(workers, Vec::new(), limits, batch.queue);
        tokio::spawn(processor.clone().run());
        Self { processor, exporters, spans: 0 }
    }

    /// Ends spans, and delivers them to the exporter's queue.
    async fn end(&mut self, count: u64) {
        for _ in 0..count {
            self.spans += 1;
            self.processor.on_end(span(self.spans));
        }
        self.processor.deliver();
        settle().await;
    }

    fn exporter(&self) -> &FakeExporter {
        &self.exporters[0]
    }

    fn worker(&self) -> &BatchWorker {
        &self.processor.workers()[0]
    }

    fn status(&self) -> ExporterStatus {
        self.worker().stats.status()
    }

    /// The spans that are exported, dropped and pending.
    fn counts(&self) -> (u64, u64, usize) {
        let status = self.status();
        (status.exported, status.dropped, self.worker().pending())
    }

    async fn flush(&self) -> Result<(), String> {
        received(&self.worker().flush()).await
    }
}

async fn received(flush: &mpsc::Receiver<OTelSdkResult>) -> Result<(), String> {
    loop {
        match flush.try_recv() {
            Ok(result) => return result.map_err(|error| error.to_string()),
            Err(mpsc::TryRecvError::Empty) => sleep(ms(1)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Lets every task run as far as it can without time passing.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn span(id: u64) -> SpanData {
    let ids = (TraceId::from(7), SpanId::from(id));
    SpanData {
        span_context: SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "span".into(),
        start_time: std::time::UNIX_EPOCH,
        end_time: std::time::UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

/// Whether a pause is at least this long, and longer by its jitter at most.
#[track_caller]
fn assert_pause(pause: Duration, at_least: u64) {
    assert!((ms(at_least)..ms(at_least * 5 / 4)).contains(&pause), "{pause:?}, not {at_least} ms");
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_is_exported_at_once_and_an_incomplete_one_after_the_delay() {
    let mut pipeline = Pipeline::new(BatchConfig { delay: ms(5_000), ..BATCH }, &[Accept]);
    pipeline.end(23).await;
    assert_eq!(pipeline.exporter().sizes(), [10, 10]);
    sleep(ms(4_900)).await;
    assert_eq!(pipeline.exporter().sizes().len(), 2);
    sleep(ms(200)).await;
    assert_eq!(pipeline.exporter().sizes(), [10, 10, 3]);
    assert_eq!(pipeline.counts(), (23, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn spans_are_delivered_in_order_and_without_a_flush() {
    let mut pipeline = Pipeline::new(BatchConfig { delay: Duration::ZERO, ..BATCH }, &[Accept]);
    for id in 1..=3 {
        pipeline.processor.on_end(span(id));
    }
    pipeline.spans = 3;
    settle().await;
    assert!(pipeline.exporter().sizes().is_empty(), "they wait for others for a moment");
    sleep(ms(110)).await;
    let exports = pipeline.exporter().exports.lock().unwrap().clone();
    assert_eq!(exports[0].1, [1, 2, 3].map(SpanId::from));
}

#[tokio::test(start_paused = true)]
async fn the_longest_possible_delay_is_no_overflow() {
    let mut pipeline = Pipeline::new(BatchConfig { delay: Duration::MAX, ..BATCH }, &[Accept]);
    pipeline.end(1).await;
    assert_eq!(pipeline.flush().await, Ok(()));
    assert_eq!(pipeline.counts(), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn retries_grow_rarer_during_an_outage_and_every_span_is_exported_once_after_it() {
    let mut pipeline = Pipeline::new(BATCH, &[TRANSIENT]);
    pipeline.end(25).await;
    sleep(ms(30_000)).await;
    let times = pipeline.exporter().times();
    // Two batches fail together; from then on one goes alone.
    let pauses: Vec<_> = times[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_pause(times[1], 100);
    for (pause, at_least) in pauses.iter().zip([200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
        assert_pause(*pause, at_least);
    }
    assert_eq!((pipeline.status().state, pipeline.counts()), (State::Failing, (0, 0, 25)));

    pipeline.exporter().answer_from_now_on(Accept);
    let outage = pipeline.exporter().sizes().len();
    sleep(ms(7_000)).await;
    assert_eq!(pipeline.flush().await, Ok(()));
    assert_eq!(pipeline.exporter().sizes()[outage..], [10, 10, 5]);
    assert_eq!((pipeline.status().state, pipeline.counts()), (State::Ok, (25, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn the_pauses_begin_again_after_a_success() {
    let answers = [TRANSIENT, TRANSIENT, TRANSIENT, Accept, TRANSIENT, Accept];
    let mut pipeline = Pipeline::new(BATCH, &answers);
    pipeline.end(10).await;
    sleep(ms(10_000)).await;
    pipeline.end(10).await;
    sleep(ms(10_000)).await;
    let times = pipeline.exporter().times();
    assert_eq!(times.len(), 5);
    assert_pause(times[4] - times[3], 100);
}

#[tokio::test(start_paused = true)]
async fn exports_do_not_wait_for_each_other() {
    let mut pipeline = Pipeline::new(BATCH, &[AcceptAfter(ms(1_000))]);
    pipeline.end(100).await;
    assert_eq!(pipeline.exporter().sizes(), [10; CONCURRENCY]);
    assert_eq!(pipeline.counts(), (0, 0, 100));
    sleep(ms(1_100)).await;
    assert_eq!((pipeline.exporter().sizes().len(), pipeline.counts()), (10, (80, 0, 20)));
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_one_batch_finds_out_whether_the_collector_is_back() {
    let mut pipeline = Pipeline::new(BATCH, &[TRANSIENT, AcceptAfter(HOUR)]);
    pipeline.end(10).await;
    pipeline.end(60).await;
    sleep(ms(1_000)).await;
    assert_eq!(pipeline.exporter().sizes().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn inbox_queue_flights_and_held_batches_share_one_bound() {
    let mut pipeline =
        Pipeline::new(BatchConfig { queue: 35, ..BATCH }, &[TRANSIENT, AcceptAfter(HOUR)]);
    // Ten are held, then in flight again; the others wait in the queue.
    pipeline.end(10).await;
    pipeline.end(20).await;
    assert_eq!(pipeline.counts(), (0, 0, 30));
    // These stay in the inbox.
    for id in 31..=40 {
        pipeline.processor.on_end(span(id));
    }
    assert_eq!(pipeline.counts(), (0, 5, 30));
    pipeline.end(7).await;
    assert_eq!(pipeline.counts(), (0, 12, 35));
    sleep(ms(5_000)).await;
    pipeline.end(7).await;
    assert_eq!(pipeline.counts(), (0, 19, 35));
    assert_eq!(pipeline.worker().stats.dropped_for(DropReason::QueueFull), 19);
    // There is room again when something has gone out.
    sleep(2 * HOUR).await;
    assert!(pipeline.worker().pending() < 35);
    pipeline.end(1).await;
    assert_eq!(pipeline.status().dropped, 19);
}

#[tokio::test(start_paused = true)]
async fn the_newest_spans_are_dropped_and_the_others_are_exported() {
    let mut pipeline = Pipeline::new(BatchConfig { queue: 20, ..BATCH }, &[TRANSIENT]);
    pipeline.end(50).await;
    pipeline.exporter().answer_from_now_on(Accept);
    sleep(ms(10_000)).await;
    let exports = pipeline.exporter().exports.lock().unwrap().clone();
    let mut last: Vec<_> = exports[2..].iter().flat_map(|(_, spans)| spans.clone()).collect();
    last.sort_by_key(|id| id.to_bytes());
    assert_eq!(last, (1..=20).map(SpanId::from).collect::<Vec<_>>());
    assert_eq!(pipeline.counts(), (20, 30, 0));
}

#[tokio::test(start_paused = true)]
async fn an_exporter_without_room_costs_another_exporter_no_span() {
    let batch = BatchConfig { queue: 20, ..BATCH };
    let mut pipeline = Pipeline::with_exporters(batch, &[&[AcceptAfter(HOUR)], &[Accept]]);
    for _ in 0..5 {
        pipeline.end(10).await;
    }
    let [stuck, free] = [0, 1].map(|index| &pipeline.processor.workers()[index]);
    let counts = |worker: &BatchWorker| {
        (worker.stats.exported(), worker.stats.status().dropped, worker.pending())
    };
    assert_eq!((counts(stuck), counts(free)), ((0, 30, 20), (50, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_dropped_without_a_retry_and_the_next_one_is_exported() {
    let mut pipeline = Pipeline::new(BATCH, &[REFUSED, Accept]);
    pipeline.end(10).await;
    sleep(HOUR).await;
    assert_eq!((pipeline.status().state, pipeline.counts()), (State::Failing, (0, 10, 0)));
    assert_eq!(pipeline.status().detail.as_deref(), Some("away"));
    pipeline.end(10).await;
    assert_eq!(pipeline.exporter().sizes(), [10, 10]);
    assert_eq!((pipeline.status().state, pipeline.counts()), (State::Ok, (10, 10, 0)));
    assert_eq!(pipeline.status().detail, None);
    assert_eq!(pipeline.worker().stats.dropped_for(DropReason::ExportFailed), 10);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_exporter_is_a_refusal() {
    let mut pipeline = Pipeline::new(BATCH, &[Panic, Accept]);
    pipeline.end(10).await;
    pipeline.end(10).await;
    assert_eq!(pipeline.counts(), (10, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_backend_rejects_is_dropped_but_never_more_than_it_got() {
    let mut pipeline = Pipeline::new(BATCH, &[Reject(2), Reject(u64::MAX), Reject(0), Accept]);
    for expected in [(8, 2, 0), (8, 12, 0), (18, 12, 0), (28, 12, 0)] {
        pipeline.end(10).await;
        assert_eq!(pipeline.counts(), expected);
    }
    assert_eq!(pipeline.worker().stats.dropped_for(DropReason::Rejected), 12);
    assert_eq!(pipeline.exporter().sizes(), [10; 4], "no retry");
}

#[tokio::test(start_paused = true)]
async fn a_flush_survives_a_moments_interruption() {
    let mut pipeline = Pipeline::new(BATCH, &[TRANSIENT, TRANSIENT, Accept]);
    pipeline.end(5).await;
    assert_eq!(pipeline.flush().await, Ok(()));
    assert_eq!(pipeline.counts(), (5, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_flush_gives_up_after_three_retries_and_keeps_the_spans() {
    let mut pipeline = Pipeline::new(BATCH, &[TRANSIENT]);
    pipeline.end(5).await;
    let began = Instant::now();
    let error = pipeline.flush().await.expect_err("nothing accepts them");
    assert!(error.contains("away"), "{error}");
    assert!((ms(700)..ms(900)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!((pipeline.exporter().sizes().len(), pipeline.counts()), (4, (0, 0, 5)));
    pipeline.exporter().answer_from_now_on(Accept);
    assert_eq!(pipeline.flush().await, Ok(()));
    assert_eq!(pipeline.counts(), (5, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_retry_after_its_timeout() {
    let mut pipeline = Pipeline::new(BATCH, &[FailAfter(EXPORT_TIMEOUT)]);
    pipeline.end(5).await;
    assert!(pipeline.flush().await.is_err());
    assert_eq!((pipeline.exporter().sizes(), pipeline.counts()), (vec![5], (0, 0, 5)));
}

#[tokio::test(start_paused = true)]
async fn a_flush_reports_a_refusal() {
    let mut pipeline = Pipeline::new(BATCH, &[REFUSED]);
    pipeline.end(5).await;
    assert!(pipeline.flush().await.is_err_and(|error| error.contains("away")));
    assert_eq!(pipeline.worker().pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn spans_that_end_during_a_flush_do_not_prolong_it() {
    let mut pipeline = Pipeline::new(BATCH, &[AcceptAfter(ms(500))]);
    pipeline.end(5).await;
    let flush = pipeline.worker().flush();
    settle().await;
    pipeline.end(50).await;
    assert_eq!(received(&flush).await, Ok(()));
    assert_eq!(pipeline.exporter().sizes()[0], 5);
    assert!(pipeline.exporter().times().iter().all(|at| *at >= ms(500)));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_asks_for_a_pause_gets_it_during_a_flush_too() {
    let throttled = |seconds| Fail(FailureKind::Throttled(Duration::from_secs(seconds)));
    let mut pipeline = Pipeline::new(BATCH, &[throttled(4), Accept]);
    pipeline.end(10).await;
    pipeline.end(5).await;
    // It waits for the pause, which ends before the timeout.
    assert_eq!(pipeline.flush().await, Ok(()));
    assert!(pipeline.exporter().times()[0] >= ms(4_000));
    assert_eq!(pipeline.counts(), (15, 0, 0));

    pipeline.exporter().answer_from_now_on(throttled(30));
    pipeline.end(10).await;
    let exports = pipeline.exporter().sizes().len();
    // This pause ends after it.
    assert!(pipeline.flush().await.is_err());
    assert_eq!(pipeline.exporter().sizes().len(), exports, "the pause is not cut short");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_counts_pending_spans_as_lost_once() {
    let mut pipeline = Pipeline::new(BATCH, &[AcceptAfter(ms(1_000)), TRANSIENT]);
    pipeline.end(10).await;
    pipeline.end(10).await;
    pipeline.end(5).await;
    assert!(pipeline.processor.shutdown_with_timeout(Duration::ZERO).is_err());
    assert_eq!((pipeline.status().state, pipeline.counts()), (State::Failing, (0, 25, 0)));
    // An export that ends after the shutdown changes no count, and none is retried.
    sleep(HOUR).await;
    assert_eq!((pipeline.exporter().sizes().len(), pipeline.counts()), (2, (0, 25, 0)));
    pipeline.end(1).await;
    assert_eq!(pipeline.counts(), (0, 26, 0));
    assert_eq!(pipeline.worker().stats.dropped_for(DropReason::AlreadyShutdown), 1);
    assert!(pipeline.flush().await.is_err());
}

#[test]
fn a_listener_receives_every_span_in_order_without_an_exporter() {
    #[derive(Debug, Default)]
    struct Listener(Mutex<Vec<SpanId>>);
    impl SpanListener for Listener {
        fn on_batch(&self, spans: &[SpanData]) {
            let ids = spans.iter().map(|span| span.span_context.span_id());
            self.0.lock().unwrap().extend(ids);
        }
    }
    let listener = Arc::new(Listener::default());
    let limits = Config::default().span_limits;
    let listeners: Vec<Arc<dyn SpanListener>> = vec![listener.clone()];
    let processor = BufferingSpanProcessor::new(Vec::new(), listeners, limits, 3);
    for id in 1..=5 {
        processor.on_end(span(id));
    }
    processor.deliver();
    assert_eq!(*listener.0.lock().unwrap(), [1, 2, 3].map(SpanId::from));
}

/// The lines of the process's log.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Recorder;

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        LOG.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
    }
    fn flush(&self) {}
}

/// The statistics of an exporter to `http://<host>`, and what is logged about it.
fn logged(
    signal: Signal,
    host: &str,
    doubled_path: bool,
) -> (ExporterStats, impl Fn() -> Vec<String>) {
    static RECORDER: Recorder = Recorder;
    // Another test may have set it.
    let _ = log::set_logger(&RECORDER);
    log::set_max_level(log::LevelFilter::Info);
    let uri = format!("http://user:s3cret@{host}").parse().expect("an address");
    let endpoint = Endpoint { uri, doubled_path };
    let stats = ExporterStats::new(signal, Destination::Otlp(Protocol::HttpProtobuf, endpoint));
    let place = format!("http://{host}");
    let lines = move || {
        let lines = LOG.lock().unwrap();
        lines.iter().filter(|line| line.contains(&place)).cloned().collect()
    };
    (stats, lines)
}

#[test]
fn an_outage_is_one_line_when_it_begins_and_one_when_it_ends() {
    let (stats, lines) = logged(Signal::Traces, "outage", false);
    for turn in 1..=2 {
        stats.failed(&ExportError::transient("Connection refused"));
        assert_eq!(lines().len(), 2 * turn - 2, "a moment's interruption is not logged");
        for _ in 0..5 {
            stats.failed(&ExportError::transient("Connection refused"));
        }
        stats.dropped(DropReason::QueueFull, 7);
        stats.accepted(3, None);
        stats.accepted(3, None);
        assert_eq!(lines().len(), 2 * turn, "{:?}", lines());
    }
    assert_eq!(
        lines()[0],
        "WARN traces: cannot export to http://outage (Connection refused); retrying. \
         Start a collector there, or set OTEL_TRACES_EXPORTER=none."
    );
    let end = &lines()[3];
    assert!(end.starts_with("INFO traces: export to http://outage works again after "), "{end}");
    assert!(end.ends_with(" s; 7 lost meanwhile"), "{end}");
}

#[test]
fn an_interruption_that_ends_at_once_is_not_logged() {
    let (stats, lines) = logged(Signal::Traces, "interruption", false);
    stats.failed(&ExportError::transient("Connection reset"));
    stats.accepted(1, None);
    stats.failed(&ExportError::transient("Connection reset"));
    stats.accepted(1, None);
    assert_eq!(lines(), Vec::<String>::new());
}

#[test]
fn a_signal_that_is_not_accepted_is_logged_at_once_with_what_to_set() {
    let (stats, lines) = logged(Signal::Metrics, "jaeger", false);
    let error =
        ExportError { message: "gRPC status Unimplemented".into(), kind: FailureKind::Unsupported };
    (0..3).for_each(|_| stats.failed(&error));
    assert_eq!(
        lines(),
        ["WARN metrics: cannot export to http://jaeger (gRPC status Unimplemented); \
          the backend does not accept metrics. Set OTEL_METRICS_EXPORTER=none."]
    );
}

#[test]
fn a_path_that_was_appended_twice_is_named_as_the_cause_of_a_404() {
    let (stats, lines) = logged(Signal::Traces, "doubled/v1/traces/v1/traces", true);
    stats.failed(&ExportError::from_http_status(http::StatusCode::NOT_FOUND, None));
    let line = lines().remove(0);
    for text in ["HTTP status 404", "/v1/traces was appended to OTEL_EXPORTER_OTLP_ENDPOINT"] {
        assert!(line.contains(text), "{line}");
    }
}

#[test]
fn rejections_are_logged_once_with_the_backends_reason_and_once_when_they_end() {
    let (stats, lines) = logged(Signal::Traces, "choosy", false);
    let rejected = Rejected { count: 2, message: "too\nlong".to_owned() };
    for _ in 0..3 {
        stats.accepted(5, Some(&rejected));
    }
    let line = lines().remove(0);
    assert!(
        line.starts_with("WARN traces: http://choosy rejected 2 of 5 (\"too\\nlong\")"),
        "{line}"
    );
    stats.accepted(5, None);
    stats.accepted(5, None);
    let [_, end] = &lines()[..] else { panic!("{:?}", lines()) };
    assert!(end.ends_with("6 rejected meanwhile"), "{end}");
}

#[test]
fn neither_lines_nor_statuses_show_credentials() {
    let (stats, lines) = logged(Signal::Traces, "credentials", false);
    stats.failed(&ExportError::refused("HTTP status 401"));
    let shown = format!("{:?} {stats:?}", stats.status());
    assert!(!lines()[0].contains("s3cret") && !shown.contains("s3cret"), "{shown}");
    assert_eq!(stats.status().target.as_deref(), Some("http://credentials (http/protobuf)"));
}

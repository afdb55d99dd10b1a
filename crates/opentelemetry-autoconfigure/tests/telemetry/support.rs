//! A telemetry of the test's own, in its process.

use std::time::{Duration, Instant};

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::Meter;
use opentelemetry::trace::{Span, Tracer};
use opentelemetry_autoconfigure::{Config, Defaults, ExporterStatus, Signal, Telemetry, Variables};
use opentelemetry_sdk::trace::SdkTracer;
use otlp_receiver::Receiver;

/// More than anything on loopback takes, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Both transports of OTLP.
pub(crate) const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];

/// A receiver, and the protocol that reaches it.
pub(crate) struct Target {
    pub(crate) protocol: &'static str,
    pub(crate) receiver: Receiver,
}

impl std::ops::Deref for Target {
    type Target = Receiver;

    fn deref(&self) -> &Receiver {
        &self.receiver
    }
}

impl Target {
    pub(crate) fn new(protocol: &'static str) -> Self {
        Self { protocol, receiver: Receiver::start() }
    }

    /// A pipeline as that of [`Pipeline::to`], over this protocol.
    #[track_caller]
    pub(crate) fn pipeline(&self, more: &[Pair<'_>]) -> Pipeline {
        let protocol = ("OTEL_EXPORTER_OTLP_PROTOCOL", self.protocol);
        Pipeline::to(&self.receiver, &[&[protocol], more].concat())
    }
}

/// Runs a test with a receiver for each transport at once. A failing thread has its transport's name.
pub(crate) fn over_both(test: impl Fn(&Target) + Sync) {
    std::thread::scope(|threads| {
        for protocol in PROTOCOLS {
            let thread = std::thread::Builder::new().name(protocol.to_owned());
            let test = || test(&Target::new(protocol));
            thread.spawn_scoped(threads, test).expect("a thread");
        }
    });
}

/// Polls until there is a result.
#[track_caller]
pub(crate) fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {SOON:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A variable and its value.
pub(crate) type Pair<'a> = (&'a str, &'a str);

/// The configuration of a service with a name and a version.
#[track_caller]
pub(crate) fn config(variables: &[Pair<'_>]) -> Config {
    let defaults = Defaults {
        service_name: "shop".to_owned(),
        service_version: Some("1.2.3".to_owned()),
        ..Defaults::default()
    };
    let variables: Variables = variables.iter().copied().collect();
    Config::with_defaults(&variables, &defaults).unwrap_or_else(|error| panic!("{error}"))
}

/// Providers and exporters that no other test uses.
pub(crate) struct Pipeline(pub(crate) Telemetry);

impl Pipeline {
    #[track_caller]
    pub(crate) fn new(variables: &[Pair<'_>]) -> Self {
        let telemetry = Telemetry::build(config(variables));
        Self(telemetry.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Spans go to the receiver, and metrics if `more` enables them.
    #[track_caller]
    pub(crate) fn to(receiver: &Receiver, more: &[Pair<'_>]) -> Self {
        let endpoint = receiver.endpoint();
        let first =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_METRICS_EXPORTER", "none")];
        Self::new(&[&first, more].concat())
    }

    /// As [`to`](Self::to), with the receiver.
    #[track_caller]
    pub(crate) fn start(more: &[Pair<'_>]) -> (Receiver, Self) {
        let receiver = Receiver::start();
        let pipeline = Self::to(&receiver, more);
        (receiver, pipeline)
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer(InstrumentationScope::builder("export").build())
    }

    pub(crate) fn meter(&self) -> Meter {
        self.0.meter(InstrumentationScope::builder("export").build())
    }

    /// Starts and ends spans.
    pub(crate) fn end_spans(&self, name: &'static str, count: usize) {
        let tracer = self.tracer();
        (0..count).for_each(|_| tracer.start(name).end());
    }

    /// Adds to a counter.
    pub(crate) fn count(&self, name: &'static str, value: u64) {
        self.meter().u64_counter(name).build().add(value, &[]);
    }

    /// Exports a span and a metric of this name, which must succeed.
    #[track_caller]
    pub(crate) fn export(&self, name: &'static str) {
        self.end_spans(name, 1);
        self.count(name, 1);
        self.flush();
    }

    /// Exports everything, which must succeed.
    #[track_caller]
    pub(crate) fn flush(&self) {
        self.0.flush().unwrap_or_else(|error| panic!("{error}"));
    }

    /// The error of a flush, which must fail.
    #[track_caller]
    pub(crate) fn flush_error(&self) -> String {
        self.0.flush().expect_err("nothing accepts it").to_string()
    }

    /// Shuts down. Returns how many spans were exported and dropped.
    #[track_caller]
    pub(crate) fn shutdown(&self) -> (u64, u64) {
        let status = self.0.shutdown().remove(0);
        assert_eq!(status.signal, Signal::Traces);
        (status.exported, status.dropped)
    }

    /// The status of the first exporter of spans.
    #[track_caller]
    pub(crate) fn traces(&self) -> ExporterStatus {
        self.status(Signal::Traces)
    }

    /// The status of the first exporter of a signal.
    #[track_caller]
    pub(crate) fn status(&self, signal: Signal) -> ExporterStatus {
        let mut all = self.0.exporter_status().into_iter();
        all.find(|status| status.signal == signal).expect("every signal has a status")
    }
}

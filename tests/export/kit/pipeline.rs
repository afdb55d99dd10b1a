//! A telemetry of the test's own, in its process.

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::Meter;
use opentelemetry::trace::{Span, Tracer};
use opentelemetry_autoconfigure::{Config, ExporterStatus, Telemetry, Variables};
use opentelemetry_sdk::trace::SdkTracer;

use otlp_receiver::Receiver;
use rocket_otel_demo::app::telemetry_defaults;

/// A variable and its value.
pub(crate) type Pair<'a> = (&'a str, &'a str);

/// What variables ask for.
#[track_caller]
pub(crate) fn config(variables: &[Pair<'_>]) -> Config {
    let variables: Variables = variables.iter().copied().collect();
    Config::with_defaults(&variables, &telemetry_defaults())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Why variables are refused.
#[track_caller]
pub(crate) fn refusal(variables: &[Pair<'_>]) -> String {
    let given: Variables = variables.iter().copied().collect();
    match Config::from_variables(&given) {
        Ok(config) => panic!("{variables:?} is taken: {config:?}"),
        Err(error) => error.to_string(),
    }
}

/// Providers and exporters that nobody else uses.
pub(crate) struct Pipeline(pub(crate) Telemetry);

impl Pipeline {
    /// What these variables make, and nothing else.
    #[track_caller]
    pub(crate) fn of(variables: &[Pair<'_>]) -> Self {
        let telemetry = Telemetry::build(config(variables));
        Self(telemetry.unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// Spans to the receiver, and metrics if `more` asks for them.
    #[track_caller]
    pub(crate) fn to(receiver: &Receiver, more: &[Pair<'_>]) -> Self {
        let endpoint = receiver.endpoint();
        let first =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_METRICS_EXPORTER", "none")];
        Self::of(&[&first, more].concat())
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer(InstrumentationScope::builder("export").build())
    }

    pub(crate) fn meter(&self) -> Meter {
        self.0.meter(InstrumentationScope::builder("export").build())
    }

    /// Starts and ends spans of this name.
    pub(crate) fn end_spans(&self, name: &'static str, count: usize) {
        let tracer = self.tracer();
        (0..count).for_each(|_| tracer.start(name).end());
    }

    /// Exports everything; it has to go well.
    #[track_caller]
    pub(crate) fn flush(&self) {
        self.0.flush().unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Why nothing can be exported.
    #[track_caller]
    pub(crate) fn flush_error(&self) -> String {
        let error = self.0.flush().expect_err("nothing takes it");
        format!("{error:#}")
    }

    /// How the OTLP exporter of spans fares.
    #[track_caller]
    pub(crate) fn traces(&self) -> ExporterStatus {
        self.status("traces")
    }

    /// How the first exporter of a signal fares.
    #[track_caller]
    pub(crate) fn status(&self, signal: &str) -> ExporterStatus {
        let mut all = self.0.exporters().into_iter();
        all.find(|status| status.signal == signal).expect("every signal has a status")
    }
}

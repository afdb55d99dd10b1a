//! The demo application with its spans in memory and no exporter.

use std::sync::Arc;

use opentelemetry_autoconfigure::{Config, Telemetry, Variables};
use rocket::config::{LogLevel, Shutdown};
use rocket::figment::Figment;
use rocket::http::Header;
use rocket::local::asynchronous::Client;
use rocket::{Build, Config as RocketConfig, Rocket};
use rocket_otel_demo::app::{self, Settings};
use rocket_otel_demo::recent_traces::Observed;

use super::{Answer, Spans, answer};

/// What Firefox sends.
pub(crate) const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// Rocket's configuration for tests: a free port, no output, no signals, no file or variable.
pub(crate) fn quiet() -> Figment {
    let shutdown =
        Shutdown { ctrlc: false, signals: [].into(), grace: 1, mercy: 1, ..Shutdown::default() };
    let config = RocketConfig {
        port: 0,
        log_level: LogLevel::Off,
        cli_colors: false,
        shutdown,
        ..RocketConfig::debug_default()
    };
    Figment::from(config)
}

/// The application, before anybody asks it.
pub(crate) struct Demo {
    pub(crate) spans: Spans,
    pub(crate) observed: Arc<Observed>,
    pub(crate) rocket: Rocket<Build>,
}

impl Demo {
    pub(crate) fn new() -> Self {
        Self::with(&[], &Settings::default())
    }

    /// The application under these variables, beside those that switch all exporters off.
    pub(crate) fn with(variables: &[(&str, &str)], settings: &Settings) -> Self {
        let off = ["OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"];
        let off = off.iter().map(|name| (*name, "none"));
        let mut limits = settings.recent_traces;
        for (name, value) in variables {
            let number = || value.parse().expect("a number");
            match *name {
                "RECENT_TRACES_MAX" => limits.max_traces = number(),
                "RECENT_TRACES_MAX_BYTES" => limits.max_bytes = number(),
                _ => {}
            }
        }
        let variables: Variables = off.chain(variables.iter().copied()).collect();
        let config = Config::with_defaults(&variables, &app::telemetry_defaults())
            .expect("the variables are valid");
        let spans = Spans::default();
        let processor = spans.processor();
        let builder = Telemetry::builder(config)
            .customize_tracer_provider(|provider| provider.with_span_processor(processor));
        let observed = Observed::build(builder, limits);
        let observed = Arc::new(observed.expect("the telemetry is built"));
        let rocket = app::build(quiet(), observed.clone(), settings);
        Self { spans, observed, rocket: rocket.expect("the application is built") }
    }

    /// The application without a socket.
    pub(crate) async fn local(self) -> LocalDemo {
        let Self { spans, observed, rocket } = self;
        let client = Client::untracked(rocket).await.expect("the application ignites");
        LocalDemo { spans, observed, client }
    }
}

/// The application, asked without a socket.
pub(crate) struct LocalDemo {
    pub(crate) spans: Spans,
    pub(crate) observed: Arc<Observed>,
    pub(crate) client: Client,
}

impl LocalDemo {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.client.get(path.to_owned())).await
    }

    /// As [`get`](Self::get), as a browser asks.
    pub(crate) async fn browse(&self, path: &str) -> Answer {
        self.get_with(path, &[("Accept", BROWSER)]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.get(path.to_owned());
        for (name, value) in headers {
            request.add_header(Header::new((*name).to_owned(), (*value).to_owned()));
        }
        answer(request).await
    }
}

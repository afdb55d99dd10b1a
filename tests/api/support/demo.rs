//! The application with its spans in memory, without a socket or an exporter.

use opentelemetry_autoconfigure::{Config, Telemetry, Variables};
use rocket::config::LogLevel;
use rocket::figment::Figment;
use rocket::http::Header;
use rocket::local::asynchronous::Client;
use rocket::{Build, Rocket};
use rocket_otel_demo::app::{self, Settings};
use rocket_otel_demo::dashboard::Dashboard;
use rocket_otel_demo::recent_traces::RecentTraces;

use super::{Answer, Spans};

/// What Firefox sends.
const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// The application.
pub(crate) struct Demo {
    pub(crate) spans: Spans,
    pub(crate) client: Client,
}

impl Demo {
    /// The application with its defaults.
    pub(crate) async fn start() -> Self {
        Self::with(&[], Settings::default()).await
    }

    /// The application with these variables and settings.
    pub(crate) async fn with(variables: &[(&str, &str)], settings: Settings) -> Self {
        Self::extended(variables, settings, |rocket, _| rocket).await
    }

    /// The application with more routes.
    pub(crate) async fn extended(
        variables: &[(&str, &str)],
        settings: Settings,
        extend: impl FnOnce(Rocket<Build>, &Telemetry) -> Rocket<Build>,
    ) -> Self {
        let off = ["OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"];
        let off = off.iter().map(|name| (*name, "none"));
        let variables: Variables = off.chain(variables.iter().copied()).collect();
        let config = Config::with_defaults(&variables, &app::telemetry_defaults())
            .expect("the variables are valid");
        let spans = Spans::default();
        let processor = spans.processor();
        let builder = Telemetry::builder(config)
            .customize_tracer_provider(|provider| provider.with_span_processor(processor));
        let dashboard = Dashboard::build(builder, &settings).expect("the telemetry is built");
        let telemetry = dashboard.telemetry().clone();
        let quiet = rocket::Config { log_level: LogLevel::Off, ..rocket::Config::debug_default() };
        let figment = Figment::from(quiet);
        let rocket = app::build(figment, dashboard, &settings).expect("the app is built");
        let rocket = extend(rocket, &telemetry);
        let client = Client::untracked(rocket).await.expect("the application ignites");
        Self { spans, client }
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        self.dashboard().telemetry()
    }

    /// The recent traces; `None` if they are disabled.
    pub(crate) fn recent(&self) -> Option<&RecentTraces> {
        self.dashboard().recent()
    }

    fn dashboard(&self) -> &Dashboard {
        self.client.rocket().state().expect("it is managed")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    /// As [`get`](Self::get), as a browser does it.
    pub(crate) async fn browse(&self, path: &str) -> Answer {
        self.get_with(path, &[("Accept", BROWSER)]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.get(path.to_owned());
        for (name, value) in headers {
            request.add_header(Header::new((*name).to_owned(), (*value).to_owned()));
        }
        Answer::read(request.dispatch().await).await
    }
}

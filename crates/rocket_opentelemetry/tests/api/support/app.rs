//! The application under test.

use std::sync::Arc;

use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use rocket::config::{Config, LogLevel, Shutdown};
use rocket::http::Header;
use rocket::local::asynchronous::Client;
use rocket::{Build, Catcher, Rocket, Route};
use rocket_opentelemetry::{RequestTracing, traced};
use tokio::sync::Semaphore;

use super::{Answer, Metrics, Server, Spans, answer, launch};

mod bodies;
mod panics;
mod routes;

/// Where handlers wait: they report that they have entered, and go on once it is open.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) open: Arc<Semaphore>,
}

/// The application, before it runs.
pub(crate) struct TestApp {
    rocket: Rocket<Build>,
    tracer: SdkTracer,
    tracing: RequestTracing,
    routes: Vec<Route>,
    catchers: Vec<Catcher>,
    running: RunningApp,
}

/// What a test observes of the application while it runs.
pub(crate) struct RunningApp {
    pub(crate) spans: Spans,
    pub(crate) metrics: Metrics,
    pub(crate) gate: Gate,
    _provider: SdkTracerProvider,
}

impl TestApp {
    pub(crate) fn new() -> Self {
        let (spans, metrics) = (Spans::default(), Metrics::new());
        let (provider, tracer) = spans.tracer();
        let tracing = RequestTracing::new()
            .with_tracer(tracer.clone())
            .with_meter(metrics.meter())
            .with_propagator(TraceContextPropagator::new());
        let closed = || Arc::new(Semaphore::new(0));
        let gate = Gate { entered: closed(), open: closed() };
        Self {
            rocket: rocket::custom(config()),
            tracer,
            tracing,
            routes: routes::all(),
            catchers: routes::catchers(),
            running: RunningApp { spans, metrics, gate, _provider: provider },
        }
    }

    /// Changes the settings of the fairing.
    pub(crate) fn tracing(mut self, change: impl FnOnce(RequestTracing) -> RequestTracing) -> Self {
        self.tracing = change(self.tracing);
        self
    }

    /// Attaches or mounts more, before the fairing under test.
    pub(crate) fn rocket(mut self, change: impl FnOnce(Rocket<Build>) -> Rocket<Build>) -> Self {
        self.rocket = change(self.rocket);
        self
    }

    /// Adds traced routes, at the base of the others.
    pub(crate) fn routes(mut self, routes: Vec<Route>) -> Self {
        self.routes.extend(routes);
        self
    }

    /// Replaces the traced catchers.
    pub(crate) fn catchers(mut self, catchers: Vec<Catcher>) -> Self {
        self.catchers = catchers;
        self
    }

    fn build(self) -> (Rocket<Build>, RunningApp) {
        let rocket = self
            .rocket
            .attach(self.tracing)
            .manage(self.tracer)
            .manage(self.running.gate.clone())
            .mount("/base", traced(self.routes))
            .mount("/bare", routes::bare())
            .register("/", traced(self.catchers));
        (rocket, self.running)
    }

    /// Runs it without a socket.
    pub(crate) async fn local(self) -> LocalApp {
        let (rocket, running) = self.build();
        let client = Client::untracked(rocket).await.expect("the application ignites");
        LocalApp { client, running }
    }

    /// Runs it on a free port.
    pub(crate) async fn launch(self) -> (Server, RunningApp) {
        let (rocket, running) = self.build();
        (launch(rocket).await, running)
    }
}

/// Rocket's configuration: a free port, no output, no signals, no file or variable.
fn config() -> Config {
    let shutdown =
        Shutdown { ctrlc: false, signals: [].into(), grace: 1, mercy: 1, ..Shutdown::default() };
    Config {
        port: 0,
        log_level: LogLevel::Off,
        cli_colors: false,
        shutdown,
        ..Config::debug_default()
    }
}

/// The application without a socket.
pub(crate) struct LocalApp {
    pub(crate) client: Client,
    running: RunningApp,
}

impl std::ops::Deref for LocalApp {
    type Target = RunningApp;

    fn deref(&self) -> &RunningApp {
        &self.running
    }
}

impl LocalApp {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.get(path.to_owned());
        for (name, value) in headers {
            request.add_header(Header::new((*name).to_owned(), (*value).to_owned()));
        }
        answer(request).await
    }
}

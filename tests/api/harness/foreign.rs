//! Another application, which shares nothing with the demo but its instrumentation.

use std::sync::Arc;

use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use rocket::http::Header;
use rocket::local::asynchronous::Client;
use rocket::{Build, Catcher, Rocket, Route};
use rocket_opentelemetry::{RequestTracing, traced};
use tokio::sync::Semaphore;

use super::{Answer, Metrics, Server, Spans, answer, launch, quiet};

mod bodies;
mod panics;
mod routes;

/// What handlers that wait are waiting for, and who waits.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) open: Arc<Semaphore>,
}

/// The application, with spans and metrics in memory.
pub(crate) struct Foreign {
    pub(crate) spans: Spans,
    pub(crate) metrics: Metrics,
    pub(crate) gate: Gate,
    pub(crate) tracer: SdkTracer,
    provider: SdkTracerProvider,
    tracing: RequestTracing,
    routes: Vec<Route>,
    catchers: Vec<Catcher>,
}

impl Foreign {
    pub(crate) fn new() -> Self {
        let (spans, metrics) = (Spans::default(), Metrics::new());
        let (provider, tracer) = spans.tracer();
        let gate = || Arc::new(Semaphore::new(0));
        let tracing = RequestTracing::new()
            .with_tracer(tracer.clone())
            .with_meter(metrics.meter())
            .with_propagator(TraceContextPropagator::new());
        let (entered, open) = (gate(), gate());
        Self {
            spans,
            metrics,
            gate: Gate { entered, open },
            tracer,
            provider,
            tracing,
            routes: routes::all(),
            catchers: routes::catchers(),
        }
    }

    /// With the fairing set up otherwise.
    pub(crate) fn tracing(mut self, change: impl FnOnce(RequestTracing) -> RequestTracing) -> Self {
        self.tracing = change(self.tracing);
        self
    }

    /// With more traced routes, at the same base.
    pub(crate) fn routes(mut self, routes: Vec<Route>) -> Self {
        self.routes.extend(routes);
        self
    }

    /// With other traced catchers.
    pub(crate) fn catchers(mut self, catchers: Vec<Catcher>) -> Self {
        self.catchers = catchers;
        self
    }

    fn rocket(self) -> (Rocket<Build>, Running) {
        let rocket = rocket::custom(quiet())
            .attach(self.tracing)
            .manage(self.tracer)
            .manage(self.gate.clone())
            .mount("/base", traced(self.routes))
            .mount("/bare", routes::bare())
            .register("/", traced(self.catchers));
        let Self { spans, metrics, gate, provider, .. } = self;
        (rocket, Running { spans, metrics, gate, _provider: provider })
    }

    /// Without a socket.
    pub(crate) async fn local(self) -> Local {
        let (rocket, running) = self.rocket();
        let client = Client::untracked(rocket).await.expect("the application ignites");
        Local { client, running }
    }

    /// On a free port.
    pub(crate) async fn launch(self) -> (Server, Running) {
        let (rocket, running) = self.rocket();
        (launch(rocket).await, running)
    }
}

/// What is left of the application in the test's hands.
pub(crate) struct Running {
    pub(crate) spans: Spans,
    pub(crate) metrics: Metrics,
    pub(crate) gate: Gate,
    _provider: SdkTracerProvider,
}

/// The application, asked without a socket.
pub(crate) struct Local {
    pub(crate) client: Client,
    running: Running,
}

impl std::ops::Deref for Local {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Local {
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

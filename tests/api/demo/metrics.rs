//! The demo's own metrics, by its handlers on a meter of the test's.

use std::time::Duration;

use handlers::{App, DownstreamError, Host, error, health, process};
use opentelemetry::global::BoxedTracer;

use crate::harness::{Metrics, Spans};

/// A host on which all is done at once.
struct Still;

impl Host for Still {
    async fn sleep(&self, _: Duration) {}

    fn random(&self) -> u64 {
        41
    }

    async fn downstream(&self, _: &str) -> Result<(u16, Vec<u8>), DownstreamError> {
        Err(DownstreamError)
    }
}

#[tokio::test]
async fn the_counter_histogram_and_gauge_follow_what_the_handlers_do() {
    let (metrics, spans) = (Metrics::new(), Spans::default());
    let (_provider, tracer) = spans.tracer();
    let tracer = BoxedTracer::new(Box::new(tracer));
    let app = App::new(Still, tracer, &metrics.meter(), "tested");
    health::health(&app).await;
    health::health(&app).await;
    error::error(&app).await;
    process::process(&app).await;

    let counts = |name: &str| {
        let mut counts: Vec<_> = metrics
            .points(name)
            .iter()
            .map(|p| {
                let label = |key: &str| p.label(key).unwrap_or_default().to_owned();
                (label("endpoint"), label("status"), p.count)
            })
            .collect();
        counts.sort();
        counts
    };
    let expected = [("/api/error", "500", 1), ("/api/process", "200", 1), ("/health", "200", 2)];
    let expected: Vec<_> = expected.map(|(e, s, n)| (e.to_owned(), s.to_owned(), n)).to_vec();
    assert_eq!(counts("app.requests.total"), expected);
    assert_eq!(counts("app.request.duration"), expected);
    assert_eq!(metrics.unit("app.request.duration"), "ms");
    assert_eq!(metrics.point("app.custom.gauge").count, 42);
}

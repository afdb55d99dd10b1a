//! Asks Jaeger for each functional test's trace, until all of it is there, and compares it with the
//! plan.

use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde::Serialize;

use super::{
    base_url::BaseUrl,
    compare::compare,
    functional::{Outcome, root_cause},
    otlp,
    problem::Fault,
};

/// For all traces together: the batch processor waits 5 s by default, the exporter may retry for
/// 10, and Jaeger may be behind a collector that batches again.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// For one answer: Jaeger looks up one trace, so this is a hung one.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);

const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// What Jaeger has of one trace.
#[derive(Debug, Serialize)]
pub(super) struct Verified {
    /// Method and target.
    pub(super) request: String,
    pub(super) trace_id: String,
    /// How many spans Jaeger had in the end.
    pub(super) spans: usize,
    /// One line each; none if the trace is as planned.
    pub(super) problems: Vec<String>,
}

/// Jaeger's query API.
pub(super) struct Jaeger {
    client: Client,
    url: BaseUrl,
    deadline: Instant,
}

impl Jaeger {
    /// One that waits for traces until `timeout` from now.
    pub(super) fn new(client: Client, url: BaseUrl, timeout: Duration) -> Self {
        Self { client, url, deadline: Instant::now() + timeout }
    }

    /// Compares what Jaeger has of `outcome`'s trace with the plan, for as long as it takes.
    ///
    /// Once no span is missing, waiting cannot help: spans never change, and what ended before the
    /// server's span was exported before it.
    pub(super) async fn verify(&self, outcome: &Outcome) -> Verified {
        loop {
            let (spans, problems, missing) = match self.trace(&outcome.trace_id).await {
                Ok(spans) if spans.is_empty() => {
                    (0, vec![format!("no trace {}", outcome.trace_id)], true)
                }
                Ok(spans) => {
                    let problems = compare(&outcome.planned.trace, &outcome.span_id, &spans);
                    let missing =
                        problems.iter().any(|problem| matches!(problem.fault, Fault::Missing));
                    (spans.len(), problems.iter().map(ToString::to_string).collect(), missing)
                }
                Err(problem) => (0, vec![problem], true),
            };
            // After the deadline each trace is still asked for once.
            if !missing || Instant::now() + POLL_INTERVAL > self.deadline {
                let Outcome { request, trace_id, .. } = outcome;
                return Verified {
                    request: request.clone(),
                    trace_id: trace_id.clone(),
                    spans,
                    problems,
                };
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The spans that Jaeger has so far, or why that is not known; 404 means that there are none.
    async fn trace(&self, id: &str) -> Result<Vec<otlp::Span>, String> {
        let url = self.url.join(&format!("/api/v3/traces/{id}"));
        let no_answer = |error| format!("Jaeger did not answer: {}", root_cause(error));
        let response =
            self.client.get(url).timeout(QUERY_TIMEOUT).send().await.map_err(no_answer)?;
        match response.status() {
            StatusCode::OK => {
                let text = response.text().await.map_err(no_answer)?;
                otlp::parse(&text)
                    .map_err(|error| format!("Jaeger's answer is not OTLP JSON: {error}"))
            }
            StatusCode::NOT_FOUND => Ok(Vec::new()),
            status => Err(format!("Jaeger answered {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan,
        testing::{Answer, recorded, reply, serve},
    };

    /// What is found in a Jaeger that answers thus to every request, without much patience.
    async fn verified(status: u16, body: String) -> Verified {
        let url = serve(move |_| Answer::new(status, body.clone()));
        let client = crate::tls::client_for("http").no_proxy().build().expect("a client");
        let outcome = Outcome {
            planned: &plan::HEALTH,
            request: "GET /health".to_owned(),
            trace_id: "1".to_owned(),
            span_id: "2".to_owned(),
            status: Some(200),
            detail: None,
            latency_ms: 1.0,
            problems: Vec::new(),
        };
        Jaeger::new(client, url, POLL_INTERVAL).verify(&outcome).await
    }

    #[tokio::test]
    async fn a_trace_as_planned_is_verified() {
        let verified = verified(200, reply(&recorded(&plan::HEALTH.trace, "2"))).await;
        assert_eq!((verified.spans, verified.problems), (1, vec![]));
    }

    #[tokio::test]
    async fn a_trace_that_never_comes_is_a_problem() {
        assert_eq!(verified(404, String::new()).await.problems, ["no trace 1"]);
        let none = verified(200, reply(&[])).await;
        assert_eq!(none.problems, ["no trace 1"]);
    }

    #[tokio::test]
    async fn a_jaeger_that_fails_is_a_problem_that_says_how() {
        let failing = verified(500, String::new()).await;
        assert_eq!(failing.problems, ["Jaeger answered 500 Internal Server Error"]);
        let page = verified(200, "<html>".to_owned()).await;
        let expected = "Jaeger's answer is not OTLP JSON: expected value at line 1 column 1";
        assert_eq!(page.problems, [expected]);
    }
}

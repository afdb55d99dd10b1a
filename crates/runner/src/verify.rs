//! Polls Jaeger for the trace of each functional test until it is complete, and compares it with the plan.

use std::time::{Duration, Instant};

use opentelemetry::TraceId;
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::{Client, StatusCode};
use serde::Serialize;

use super::compare::{Differences, compare};
use super::functional::{Outcome, as_text, root_cause};
use super::otlp;

/// For all traces together: the batch processor waits 5 s by default, the exporter may retry for
/// 10 s, and a collector before Jaeger may batch again.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// For one query, which looks up a single trace.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);

const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The result for one trace.
#[derive(Debug, Serialize)]
pub(super) struct Verified {
    /// Method and target.
    pub(super) request: String,
    #[serde(serialize_with = "as_text")]
    pub(super) trace_id: TraceId,
    /// The number of spans in Jaeger's last response.
    pub(super) spans: usize,
    /// One line each; empty if the trace is as planned.
    pub(super) problems: Vec<String>,
}

/// Polls until no span of the trace is missing or the deadline passes. Other problems cannot go
/// away: a span never changes, and all spans below a server span are exported before it.
pub(super) async fn verify(
    client: &Client,
    jaeger: &str,
    deadline: Instant,
    outcome: &Outcome,
) -> Verified {
    let &Outcome { trace_id, span_id, ref request, planned, .. } = outcome;
    loop {
        let result = trace(client, jaeger, trace_id).await;
        let spans = result.as_ref().map_or(0, Vec::len);
        let Differences { problems, missing } = match result {
            Ok(spans) if spans.is_empty() => missing(format!("no trace {trace_id}")),
            Ok(spans) => compare(&planned.trace, &span_id.to_bytes(), &spans),
            Err(problem) => missing(problem),
        };
        // After the deadline, each remaining trace has a single query.
        if !missing || Instant::now() + POLL_INTERVAL > deadline {
            return Verified { request: request.clone(), trace_id, spans, problems };
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn missing(problem: String) -> Differences {
    Differences { problems: vec![problem], missing: true }
}

/// The spans that Jaeger has so far; 404 means none.
async fn trace(client: &Client, jaeger: &str, id: TraceId) -> Result<Vec<Span>, String> {
    let no_response = |error| format!("no response from Jaeger: {}", root_cause(error));
    let request = client.get(format!("{jaeger}/api/v3/traces/{id}")).timeout(QUERY_TIMEOUT);
    let response = request.send().await.map_err(no_response)?;
    match response.status() {
        StatusCode::OK => {
            let text = response.text().await.map_err(no_response)?;
            otlp::parse(&text)
                .map_err(|error| format!("Jaeger's response is not OTLP JSON: {error}"))
        }
        StatusCode::NOT_FOUND => Ok(Vec::new()),
        status => Err(format!("Jaeger responded with {status}")),
    }
}

#[cfg(test)]
mod tests {
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::plan;
    use crate::testing::{client, outcome, recorded, reply, serve};

    /// The result against a Jaeger that always responds like this, with little patience.
    async fn verified(status: u16, body: String) -> Verified {
        let response = ResponseTemplate::new(status).set_body_string(body);
        let server = serve(response).await;
        let deadline = Instant::now() + POLL_INTERVAL;
        let outcome = outcome(&plan::HEALTH, 200, None, &[]);
        verify(&client(), &server.uri(), deadline, &outcome).await
    }

    #[tokio::test]
    async fn a_trace_as_planned_has_no_problem() {
        let caller = outcome(&plan::HEALTH, 200, None, &[]).span_id.to_string();
        let verified = verified(200, reply(&recorded(&plan::HEALTH.trace, &caller))).await;
        assert_eq!((verified.spans, verified.problems), (1, vec![]));
    }

    #[tokio::test]
    async fn a_trace_that_never_arrives_is_a_problem() {
        let expected = [format!("no trace {:032x}", 1)];
        assert_eq!(verified(404, String::new()).await.problems, expected);
        assert_eq!(verified(200, reply(&[])).await.problems, expected);
    }

    #[tokio::test]
    async fn a_failure_of_jaeger_is_a_problem_that_says_what_failed() {
        let failing = verified(500, String::new()).await;
        assert_eq!(failing.problems, ["Jaeger responded with 500 Internal Server Error"]);
        let page = verified(200, "<html>".to_owned()).await;
        let expected = "Jaeger's response is not OTLP JSON: expected value at line 1 column 1";
        assert_eq!(page.problems, [expected]);
    }
}

//! Functional tests: one request each, whose response must be as planned.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use opentelemetry::{SpanId, TraceId};
use reqwest::{Client, Response, header::HeaderMap};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::expected::{Body, Request};

/// The result of one functional test.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    #[serde(skip)]
    pub(super) planned: &'static Request,
    /// Method and target.
    pub(super) request: String,
    #[serde(serialize_with = "as_text")]
    pub(super) trace_id: TraceId,
    /// The parent of the server's span.
    #[serde(serialize_with = "as_text")]
    pub(super) span_id: SpanId,
    /// None without a response.
    pub(super) status: Option<u16>,
    /// A summary of the body, such as `Users: 3`.
    pub(super) detail: Option<String>,
    pub(super) latency_ms: f64,
    /// One line each; empty on success.
    pub(super) problems: Vec<String>,
}

pub(super) fn as_text<S: Serializer>(id: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// Sends the `planned` request as the root of a new trace, and checks the response.
pub(super) async fn test(
    client: &Client,
    base_url: &str,
    planned: &'static Request,
    timeout: Duration,
) -> Outcome {
    // Zero is not a valid id.
    let trace_id = TraceId::from(fastrand::u128(1..));
    let span_id = SpanId::from(fastrand::u64(1..));
    let started = Instant::now();
    let response = client
        .get(format!("{base_url}{}", planned.target))
        .header("traceparent", format!("00-{trace_id}-{span_id}-01"))
        .timeout(timeout)
        .send()
        .await;
    let mut outcome = Outcome {
        planned,
        request: format!("GET {}", planned.target),
        trace_id,
        span_id,
        status: response.as_ref().ok().map(|response| response.status().as_u16()),
        detail: None,
        latency_ms: 0.0,
        problems: Vec::new(),
    };
    match check(&mut outcome, response).await {
        Ok(detail) => outcome.detail = detail,
        Err(problem) => outcome.problems.push(problem),
    }
    outcome.latency_ms = started.elapsed().as_secs_f64() * 1000.0;
    outcome
}

/// A summary of the body, or the last problem.
async fn check(
    outcome: &mut Outcome,
    response: reqwest::Result<Response>,
) -> Result<Option<String>, String> {
    let response = response.map_err(|error| format!("no response: {}", root_cause(error)))?;
    let (status, expected) = (response.status().as_u16(), outcome.planned.status);
    outcome.problems.extend(check_trace_response(response.headers(), outcome.trace_id).err());
    let body = response.bytes().await;
    if status != expected {
        // One line is enough: the body will differ too.
        return Err(format!("status {status}, expected {expected}"));
    }
    let body = body.map_err(|error| format!("incomplete body: {}", root_cause(error)))?;
    check_body(outcome.planned.body, &body, outcome.trace_id)
}

/// The innermost error, which says what happened; those around it repeat the URL.
pub(super) fn root_cause(error: reqwest::Error) -> String {
    anyhow::Error::from(error).root_cause().to_string()
}

/// `traceresponse: 00-<trace id>-<span id>-01` names the trace of the request, which is the runner's.
///
/// Source: W3C Trace Context Level 2, "Trace Context HTTP Response Headers Format".
fn check_trace_response(headers: &HeaderMap, trace_id: TraceId) -> Result<(), String> {
    let value = headers.get("traceresponse").ok_or("header `traceresponse` is missing")?;
    let value = String::from_utf8_lossy(value.as_bytes());
    let span = value.strip_prefix(&format!("00-{trace_id}-")).and_then(|v| v.strip_suffix("-01"));
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match span {
        Some(span) if span.len() == 16 && span.bytes().all(is_hex) => Ok(()),
        _ => {
            Err(format!("header `traceresponse` is {value:?}, expected 00-{trace_id}-<span id>-01"))
        }
    }
}

/// A summary of a body that is as planned, or the difference.
fn check_body(planned: Body, body: &[u8], trace_id: TraceId) -> Result<Option<String>, String> {
    let json: Json =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    summary(planned, &json, trace_id).map_err(|error| format!("{error:#}, the body is {json}"))
}

fn summary(planned: Body, json: &Json, trace_id: TraceId) -> anyhow::Result<Option<String>> {
    Ok(match planned {
        Body::Json(text) => {
            ensure!(*json == serde_json::from_str::<Json>(text)?, "expected {text}");
            None
        }
        Body::Users(count) => {
            let users = json.as_array().context("expected a list")?;
            ensure!(users.len() == count, "expected {count} users");
            for key in ["id", "name", "email"] {
                ensure!(users.iter().all(|user| user.get(key).is_some()), "a user has no `{key}`");
            }
            Some(format!("Users: {count}"))
        }
        Body::Duration => {
            ensure!(json["status"] == "success", "`status` is not \"success\"");
            let duration = json["duration_ms"].as_f64().context("`duration_ms` is not a number")?;
            Some(format!("Duration: {duration:.2}ms"))
        }
        Body::Hops(count) => {
            let hops = json["hops"].as_array().context("`hops` is not a list")?;
            ensure!(hops.len() == count + 1, "expected {} services in `hops`", count + 1);
            ensure!(hops.iter().all(|hop| hop["service"].is_string()), "a hop has no `service`");
            let one_trace = hops.iter().all(|hop| hop["trace_id"] == trace_id.to_string());
            ensure!(one_trace, "not every hop has the `trace_id` {trace_id}");
            Some(format!("Hops: {count}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0123456789abcdef0123456789abcdef";
    const TRACE_ID: TraceId =
        TraceId::from_bytes(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes());

    fn body(planned: Body, body: &str) -> Result<Option<String>, String> {
        check_body(planned, body.as_bytes(), TRACE_ID)
    }

    fn problem(planned: Body, text: &str) -> String {
        body(planned, text).expect_err("not as planned")
    }

    #[test]
    fn a_body_as_planned_has_a_summary() {
        assert_eq!(body(Body::Json(r#"{"a":1,"b":2}"#), r#"{"b":2, "a":1}"#), Ok(None));
        let users = r#"[{"id":1,"name":"A","email":"a@example.org"}]"#;
        assert_eq!(body(Body::Users(1), users), Ok(Some("Users: 1".to_owned())));
        let process = r#"{"status":"success","duration_ms":456.2349}"#;
        assert_eq!(body(Body::Duration, process), Ok(Some("Duration: 456.23ms".to_owned())));
        let chain = format!(
            r#"{{"hops":[{{"service":"a","trace_id":"{TRACE}"}},{{"service":"b","trace_id":"{TRACE}"}}]}}"#
        );
        assert_eq!(body(Body::Hops(1), &chain), Ok(Some("Hops: 1".to_owned())));
    }

    #[test]
    fn a_body_that_differs_from_the_plan_is_a_problem() {
        assert!(problem(Body::Duration, "<html>").starts_with("the body is not JSON: "));
        assert_eq!(problem(Body::Json("{}"), "[]"), "expected {}, the body is []");
        assert_eq!(problem(Body::Users(3), "[]"), "expected 3 users, the body is []");
        assert_eq!(
            problem(Body::Users(1), r#"[{"id":1}]"#),
            r#"a user has no `name`, the body is [{"id":1}]"#
        );
        assert_eq!(problem(Body::Duration, "{}"), r#"`status` is not "success", the body is {}"#);
        let chain = r#"{"hops":[{"service":"a","trace_id":"1"}]}"#;
        assert_eq!(
            problem(Body::Hops(1), chain),
            format!("expected 2 services in `hops`, the body is {chain}")
        );
        let other_trace = format!("not every hop has the `trace_id` {TRACE}, the body is {{");
        assert!(problem(Body::Hops(0), chain).starts_with(&other_trace));
    }

    #[test]
    fn the_response_must_name_the_runners_trace() {
        let check = |value: &str| {
            let headers = HeaderMap::from_iter([(
                "traceresponse".parse().expect("a name"),
                value.parse().expect("ASCII"),
            )]);
            check_trace_response(&headers, TRACE_ID)
        };
        assert_eq!(check(&format!("00-{TRACE}-0123456789abcdef-01")), Ok(()));
        for wrong in [
            format!("00-{TRACE}-0123456789abcdef-00"),
            format!("00-{TRACE}-0123456789ABCDEF-01"),
            format!("00-{TRACE}-0123-01"),
            format!("00-{TRACE}-0123456789abcdef-01-x"),
            "00-ffffffffffffffffffffffffffffffff-0123456789abcdef-01".to_owned(),
        ] {
            assert!(check(&wrong).is_err_and(|error| error.contains(&wrong)), "{wrong}");
        }
        let missing = check_trace_response(&HeaderMap::new(), TRACE_ID);
        assert_eq!(missing, Err("header `traceresponse` is missing".to_owned()));
    }
}

//! The requests of the runner, the responses it expects, and the span tree of each request.
//!
//! This is the documentation's table of endpoints as data. A span lists its children in the order of
//! their start. A span that is not listed is an error; attributes that are not listed are not.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::expected::{
    Attribute, Body,
    Expected::{Bool, Int, SomeInt, Text},
    Request, Span,
};

/// The `User-Agent` of the runner.
pub(super) const USER_AGENT: &str = concat!("rocket-otel-demo-runner/", env!("CARGO_PKG_VERSION"));

/// On the server span of a request from the runner.
const FROM_RUNNER: Attribute = ("user_agent.original", Text(USER_AGENT));

/// The first request: a run ends if it fails.
pub(super) const HEALTH: Request = Request {
    target: "/health",
    status: 200,
    body: Body::Json(r#"{"status":"healthy"}"#),
    trace: server("GET /health", &[FROM_RUNNER], &[]),
};

/// The functional tests, in the order they run.
pub(super) const FUNCTIONAL: &[Request] = &[
    Request {
        target: "/",
        status: 200,
        body: Body::Json(
            r#"{"message":"Hello from OTEL Demo App!","endpoints":["/api/users","/api/process","/health"]}"#,
        ),
        trace: server("GET /", &[FROM_RUNNER], &[]),
    },
    Request {
        target: "/api/users",
        status: 200,
        body: Body::Users(3),
        trace: server("GET /api/users", &[FROM_RUNNER], &[internal("fetch_users", QUERY, &[])]),
    },
    Request {
        target: "/api/process",
        status: 200,
        body: Body::Duration,
        trace: server(
            "GET /api/process",
            &[FROM_RUNNER],
            &[internal("process_request", &[], STEPS)],
        ),
    },
    Request {
        target: "/api/error",
        status: 500,
        body: Body::Json(r#"{"error":"Simulated error for tracing"}"#),
        trace: Span {
            failed: true,
            ..server(
                "GET /api/error",
                &[("error.type", Text("500")), ("error", Bool(true)), FROM_RUNNER],
                &[],
            )
        },
    },
    // The trace context crosses process boundaries: from the runner through three servers.
    Request {
        target: "/api/chain?hops=2",
        status: 200,
        body: Body::Hops(2),
        trace: chain(
            &[("url.query", Text("hops=2")), FROM_RUNNER],
            &[call(&[chain(&[], &[call(&[chain(&[], &[])])])])],
        ),
    },
];

const QUERY: &[Attribute] = &[
    ("db.system", Text("postgresql")),
    ("db.operation", Text("select")),
    ("db.system.name", Text("postgresql")),
    ("db.operation.name", Text("select")),
    ("result.count", Int(3)),
];

const STEPS: &[Span] = &[
    internal("validate_data", &[("step", Text("validate"))], &[]),
    internal("process_data", &[("step", Text("process"))], &[]),
    internal("save_results", &[("step", Text("save")), ("records_saved", SomeInt)], &[]),
];

/// The targets of the load, in turn.
pub(super) const LOAD: &[&str] = &["/", "/api/users", "/api/process"];

const fn server(
    name: &'static str,
    attributes: &'static [Attribute],
    children: &'static [Span],
) -> Span {
    Span { kind: SpanKind::Server, name, failed: false, attributes, children }
}

const fn internal(
    name: &'static str,
    attributes: &'static [Attribute],
    children: &'static [Span],
) -> Span {
    Span { kind: SpanKind::Internal, ..server(name, attributes, children) }
}

const fn chain(attributes: &'static [Attribute], children: &'static [Span]) -> Span {
    server("GET /api/chain", attributes, children)
}

/// A call to the next service: the client span, and the server span below it.
const fn call(children: &'static [Span]) -> Span {
    Span { kind: SpanKind::Client, ..server("GET", &[], children) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(span: &Span) -> usize {
        1 + span.children.iter().map(count).sum::<usize>()
    }

    #[test]
    fn each_request_has_as_many_spans_as_in_the_documentation() {
        let counts: Vec<_> =
            FUNCTIONAL.iter().map(|request| (request.target, count(&request.trace))).collect();
        let expected = [
            ("/", 1),
            ("/api/users", 2),
            ("/api/process", 5),
            ("/api/error", 1),
            ("/api/chain?hops=2", 5),
        ];
        assert_eq!(counts, expected);
    }
}

//! The requests of the runner, the responses it expects, and the span tree of each request.
//!
//! This is the documentation's table of endpoints as data. A span lists its children in the order of
//! their start. A span that is not listed is an error; attributes that are not listed are not.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::expected::{
    Attribute, Body, Event,
    Expected::{Bool, Int, SomeInt, SomeText, Text},
    Request, Span,
};

/// The `User-Agent` of the runner, which the server's spans have as `user_agent.original`.
pub(super) const USER_AGENT: &str = concat!("rocket-otel-demo-runner/", env!("CARGO_PKG_VERSION"));

/// The first request: a run ends if it fails.
pub(super) const HEALTH: Request = Request {
    target: "/health",
    status: 200,
    body: Body::Json(r#"{"status":"healthy"}"#),
    trace: server(
        "GET /health",
        &[("http.route", Text("/health")), ("url.path", Text("/health")), OK, FROM_RUNNER],
        &[],
    ),
};

/// The functional tests, in the order they run.
pub(super) const FUNCTIONAL: &[Request] = &[
    Request {
        target: "/",
        status: 200,
        body: Body::Json(
            r#"{"message":"Hello from OTEL Demo App!","endpoints":["/api/users","/api/process","/health"]}"#,
        ),
        trace: server(
            "GET /",
            &[("http.route", Text("/")), ("url.path", Text("/")), OK, FROM_RUNNER],
            &[],
        ),
    },
    Request {
        target: "/api/users",
        status: 200,
        body: Body::Users(3),
        trace: server(
            "GET /api/users",
            &[
                ("http.route", Text("/api/users")),
                ("url.path", Text("/api/users")),
                OK,
                FROM_RUNNER,
            ],
            &[internal(
                "fetch_users",
                &[
                    ("db.system", Text("postgresql")),
                    ("db.operation", Text("select")),
                    ("db.system.name", Text("postgresql")),
                    ("db.operation.name", Text("select")),
                    ("result.count", Int(3)),
                ],
                &[],
            )],
        ),
    },
    Request {
        target: "/api/process",
        status: 200,
        body: Body::Duration,
        trace: server(
            "GET /api/process",
            &[
                ("http.route", Text("/api/process")),
                ("url.path", Text("/api/process")),
                OK,
                FROM_RUNNER,
            ],
            &[internal(
                "process_request",
                &[],
                &[
                    internal("validate_data", &[("step", Text("validate"))], &[]),
                    internal("process_data", &[("step", Text("process"))], &[]),
                    internal(
                        "save_results",
                        &[("step", Text("save")), ("records_saved", SomeInt)],
                        &[],
                    ),
                ],
            )],
        ),
    },
    Request {
        target: "/api/error",
        status: 500,
        body: Body::Json(r#"{"error":"Simulated error for tracing"}"#),
        trace: server(
            "GET /api/error",
            &[
                ("http.route", Text("/api/error")),
                ("url.path", Text("/api/error")),
                ("http.response.status_code", Int(500)),
                ("error.type", Text("500")),
                ("error", Bool(true)),
                FROM_RUNNER,
            ],
            &[],
        )
        .failed(&[Event {
            name: "exception",
            attributes: &[
                ("exception.type", SomeText),
                ("exception.message", SomeText),
                ("exception.stacktrace", SomeText),
            ],
        }]),
    },
    // The trace context crosses process boundaries: from the runner through three servers.
    Request {
        target: "/api/chain?hops=2",
        status: 200,
        body: Body::Hops(2),
        trace: server(
            "GET /api/chain",
            &[CHAIN_ROUTE, CHAIN_PATH, ("url.query", Text("hops=2")), OK, FROM_RUNNER],
            &[calls(&[server(
                "GET /api/chain",
                &[CHAIN_ROUTE, CHAIN_PATH, OK],
                &[calls(&[server("GET /api/chain", &[CHAIN_ROUTE, CHAIN_PATH, OK], &[])])],
            )])],
        ),
    },
];

/// The targets of the load, in turn.
pub(super) const LOAD: &[&str] = &["/", "/api/users", "/api/process"];

const OK: Attribute = ("http.response.status_code", Int(200));
const CHAIN_ROUTE: Attribute = ("http.route", Text("/api/chain"));
const CHAIN_PATH: Attribute = ("url.path", Text("/api/chain"));

/// On the server span of a request from the runner.
const FROM_RUNNER: Attribute = ("user_agent.original", Text(USER_AGENT));

/// The attributes of every span of this kind. `url.scheme` may differ from the base URL's behind a
/// proxy that ends TLS.
pub(super) const fn kind_attributes(kind: SpanKind) -> &'static [Attribute] {
    match kind {
        SpanKind::Server => &[
            ("http.request.method", Text("GET")),
            ("url.scheme", SomeText),
            ("server.address", SomeText),
            ("server.port", SomeInt),
            ("client.address", SomeText),
            ("network.peer.address", SomeText),
        ],
        SpanKind::Client => &[
            ("http.request.method", Text("GET")),
            ("server.address", SomeText),
            ("server.port", SomeInt),
            ("url.full", SomeText),
        ],
        _ => &[],
    }
}

const fn server(
    name: &'static str,
    attributes: &'static [Attribute],
    children: &'static [Span],
) -> Span {
    Span { name, kind: SpanKind::Server, failed: false, attributes, events: &[], children }
}

/// A call to the next service: the client span, and the server span below it.
const fn calls(children: &'static [Span]) -> Span {
    Span { kind: SpanKind::Client, ..server("GET", &[OK], children) }
}

const fn internal(
    name: &'static str,
    attributes: &'static [Attribute],
    children: &'static [Span],
) -> Span {
    Span { kind: SpanKind::Internal, ..server(name, attributes, children) }
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

//! The table: requests, their answers and their spans.

/// A server with these variables, and its cases.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) env: &'static [(&'static str, &'static str)],
    pub(crate) cases: &'static [Case],
    /// Attributes of the resource of all its spans.
    pub(crate) resource: Option<&'static [(&'static str, &'static str)]>,
    /// Headers of all its exports.
    pub(crate) export_headers: &'static [(&'static str, &'static str)],
    /// Whether it exports spans, if the setting is about that.
    pub(crate) exports: Option<bool>,
    /// Texts that it prints.
    pub(crate) prints: &'static [&'static str],
    /// Headers of its calls to the downstream service, for which the OTLP receiver stands in.
    pub(crate) propagates: &'static [(&'static str, &'static str)],
    /// Whether it requires a server with pages: a component may have none.
    pub(crate) has_pages: bool,
}

/// A request, its answer and its spans.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) request: &'static str,
    pub(crate) sent: &'static [(&'static str, &'static str)],
    pub(crate) status: u16,
    /// To the byte. The answer to HEAD has only its length.
    pub(crate) body: &'static str,
    pub(crate) vary: Option<&'static str>,
    pub(crate) content_type: &'static str,
    /// Other headers of the answer.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The trace flags in `traceresponse`; `None` if the answer has no such header.
    pub(crate) flags: Option<&'static str>,
    /// See `spans`.
    pub(crate) spans: &'static [&'static str],
}

pub(crate) const fn ask(
    name: &'static str,
    request: &'static str,
    status: u16,
    body: &'static str,
) -> Case {
    Case {
        name,
        request,
        sent: &[],
        status,
        body,
        vary: None,
        content_type: "application/json",
        headers: &[],
        flags: Some("01"),
        spans: &[],
    }
}

impl Case {
    pub(crate) const fn sent(self, sent: &'static [(&'static str, &'static str)]) -> Self {
        Self { sent, ..self }
    }

    pub(crate) const fn varies(self) -> Self {
        Self { vary: Some("Accept"), ..self }
    }

    const fn spans(self, spans: &'static [&'static str]) -> Self {
        Self { spans, ..self }
    }

    const fn unsampled(self) -> Self {
        Self { flags: Some("00"), ..self }
    }

    pub(crate) const fn untraced(self) -> Self {
        Self { flags: None, ..self }
    }
}

pub(crate) const SETTING: Setting = Setting {
    name: "",
    env: &[],
    cases: &[],
    resource: None,
    export_headers: &[],
    exports: None,
    prints: &[],
    propagates: &[],
    has_pages: false,
};

pub(crate) const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
pub(crate) const INDEX: &str = r#"{"message":"Hello from OTEL Demo App!","endpoints":["/api/users","/api/process","/health"]}"#;
const USERS: &str = r#"[{"id":1,"name":"Alice","email":"alice@example.com"},{"id":2,"name":"Bob","email":"bob@example.com"},{"id":3,"name":"Charlie","email":"charlie@example.com"}]"#;
const HEALTHY: &str = r#"{"status":"healthy"}"#;
const NOTHING: &str = r#"{"error":"There is nothing at this address."}"#;
const BAD_HOPS: &str = r#"{"error":"invalid hops: expected an integer from 0 to 5"}"#;
const HEALTH_SPAN: &str = "SERVER GET /health http.request.method=GET http.response.status_code=200 http.route=/health url.path=/health";

pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        name: "an exporter over HTTP",
        env: &[
            ("OTEL_SERVICE_NAME", "parity"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a%20test,service.version=9"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a%2Cb"),
        ],
        cases: ENDPOINTS,
        resource: Some(&[
            ("service.name", "parity"),
            ("deployment.environment.name", "a test"),
            ("service.version", "9"),
            ("telemetry.sdk.name", "opentelemetry"),
            ("telemetry.sdk.language", "rust"),
        ]),
        export_headers: &[("x-tenant", "a,b")],
        ..SETTING
    },
    Setting {
        name: "an unreachable downstream service",
        // The discard port, which is rarely open.
        env: &[("DOWNSTREAM_URL", "http://127.0.0.1:9")],
        cases: &[ask("the chain breaks", "GET /api/chain", 502, r#"{"error":"the downstream service did not answer"}"#).spans(&[
            "SERVER GET /api/chain Error() error.type=502 http.request.method=GET http.response.status_code=502 http.route=/api/chain url.path=/api/chain",
            "  CLIENT GET Error() error.type=connect http.request.method=GET server.address=127.0.0.1 server.port=9 url.full=http://127.0.0.1:9/api/chain?hops=0",
        ])],
        ..SETTING
    },
    Setting {
        name: "no telemetry",
        env: &[("OTEL_SDK_DISABLED", "true"), ("OTEL_SERVICE_NAME", "parity")],
        cases: &[
            ask("answers do not change", "GET /health", 200, HEALTHY).untraced(),
            ask("a context is propagated", "GET /api/chain?hops=1", 200, r#"{"hops":[{"service":"parity","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"},{"service":"behind","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}]}"#)
                .sent(&[("traceparent", PARENT)])
                .untraced(),
        ],
        exports: Some(false),
        ..SETTING
    },
    Setting {
        name: "no telemetry, and a downstream service that records its headers",
        env: &[("OTEL_SDK_DISABLED", "true"), ("DOWNSTREAM_URL", "{collector}")],
        cases: &[ask("a context is propagated unchanged", "GET /api/chain?hops=1", 502, r#"{"error":"the downstream service answered 404"}"#)
            .sent(&[("traceparent", PARENT), ("tracestate", "a=1"), ("baggage", "b=2")])
            .untraced()],
        propagates: &[("traceparent", PARENT), ("tracestate", "a=1"), ("baggage", "b=2")],
        exports: Some(false),
        ..SETTING
    },
    Setting {
        name: "a trusted proxy",
        env: &[("TRUST_FORWARDED_HEADERS", "Yes")],
        cases: BEHIND_A_PROXY,
        ..SETTING
    },
    Setting {
        name: "a sampler that follows the parent",
        env: &[("OTEL_TRACES_SAMPLER", "ParentBased_TraceIdRatio"), ("OTEL_TRACES_SAMPLER_ARG", "0")],
        cases: &[
            ask("a root is not sampled", "GET /health", 200, HEALTHY).unsampled(),
            ask("a sampled parent is followed", "GET /health", 200, HEALTHY).sent(&[("traceparent", PARENT)]).spans(&[
                "SERVER GET /health < 00f067aa0ba902b7 http.request.method=GET http.response.status_code=200 http.route=/health url.path=/health",
            ]),
        ],
        ..SETTING
    },
    Setting {
        name: "the console instead of a collector",
        env: &[("OTEL_TRACES_EXPORTER", "console")],
        cases: &[ask("a span is printed", "GET /health", 200, HEALTHY)],
        exports: Some(false),
        prints: &["GET /health", "http.response.status_code"],
        ..SETTING
    },
    Setting {
        name: "limits, known methods and captured headers",
        env: &[
            ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "12"),
            ("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "POST, PUT"),
            ("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS", "X-Tenant, x-absent"),
            ("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS", "Content-Type"),
        ],
        cases: &[ask("a span has what the variables allow", "GET /health", 200, HEALTHY)
            .sent(&[("User-Agent", "a name that is long"), ("x-tenant", "a"), ("X-Tenant", "b"), ("x-secret", "hidden")])
            .spans(&[
                r#"SERVER HTTP /health http.request.header.x-tenant=["a","b"] http.request.method=_OTHER http.request.method_original=GET http.response.header.content-type=["application/"] http.response.status_code=200 http.route=/health url.path=/health user_agent.original=a name that "#,
            ])],
        ..SETTING
    },
];

const FORWARDED: (&str, &str) =
    ("Forwarded", r#"for="[2001:db8::1]:4711";proto=https;host=example.com:8443, for=10.0.0.1"#);

const BEHIND_A_PROXY: &[Case] = &[
    ask("Forwarded sets client, scheme and host", "GET /health", 200, HEALTHY).sent(&[FORWARDED, ("X-Forwarded-For", "192.0.2.1")]).spans(&[
        "SERVER GET /health client.address=2001:db8::1 http.request.method=GET http.response.status_code=200 http.route=/health server.address=example.com server.port=8443 url.path=/health url.scheme=https",
    ]),
    ask("X-Forwarded-* sets them too", "GET /health", 200, HEALTHY)
        .sent(&[("X-Forwarded-For", "192.0.2.1, 10.0.0.1"), ("X-Forwarded-Proto", "HTTPS"), ("X-Forwarded-Host", "example.com")])
        .spans(&["SERVER GET /health client.address=192.0.2.1 http.request.method=GET http.response.status_code=200 http.route=/health server.address=example.com server.port=443 url.path=/health url.scheme=https"]),
    ask("invalid values set nothing", "GET /health", 200, HEALTHY)
        .sent(&[("Forwarded", "for=_hidden;proto=ftp;host=")])
        .spans(&[HEALTH_SPAN]),
    ask("a direct request is not affected", "GET /health", 200, HEALTHY).spans(&[HEALTH_SPAN]),
];

const ENDPOINTS: &[Case] = &[
    ask("an untrusted proxy is ignored", "GET /health", 200, HEALTHY)
        .sent(&[FORWARDED, ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "example.com")])
        .spans(&[HEALTH_SPAN]),
    ask("the index is JSON", "GET /", 200, INDEX).varies().spans(&[
        "SERVER GET / http.request.method=GET http.response.status_code=200 http.route=/ url.path=/",
    ]),
    ask("a parent and its state are continued", "GET /health", 200, HEALTHY)
        .sent(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")])
        .spans(&["SERVER GET /health < 00f067aa0ba902b7 (a=1,b=2) http.request.method=GET http.response.status_code=200 http.route=/health url.path=/health"]),
    ask("a parent of the wrong length is ignored", "GET /health", 200, HEALTHY)
        .sent(&[("traceparent", "00-1-1-01")])
        .spans(&[HEALTH_SPAN]),
    ask("a header that no variable names is not recorded", "GET /health", 200, HEALTHY)
        .sent(&[("x-tenant", "a")])
        .spans(&[HEALTH_SPAN]),
    ask("two parents are ignored", "GET /health", 200, HEALTHY)
        .sent(&[("traceparent", PARENT), ("traceparent", PARENT)])
        .spans(&[HEALTH_SPAN]),
    ask("users have a span for their query", "GET /api/users", 200, USERS).spans(&[
        "SERVER GET /api/users http.request.method=GET http.response.status_code=200 http.route=/api/users url.path=/api/users",
        "  INTERNAL fetch_users db.operation=select db.operation.name=select db.system=postgresql db.system.name=postgresql result.count=3",
    ]),
    ask("each step of the process has a span", "GET /api/process", 200, r#"{"status":"success","duration_ms":200.12}"#).spans(&[
        "SERVER GET /api/process http.request.method=GET http.response.status_code=200 http.route=/api/process url.path=/api/process",
        "  INTERNAL process_request",
        "    INTERNAL validate_data step=validate",
        "    INTERNAL process_data step=process",
        "    INTERNAL save_results records_saved=42 step=save",
    ]),
    ask("an error is an event of the server's span", "GET /api/error", 500, r#"{"error":"Simulated error for tracing"}"#).spans(&[
        "SERVER GET /api/error Error(Simulated error for tracing) error=true error.type=500 http.request.method=GET http.response.status_code=500 http.route=/api/error url.path=/api/error",
        "! exception exception.message=Simulated error for tracing exception.stacktrace=SimulatedError: Simulated error for tracing     at crates/handlers/src/error.rs exception.type=SimulatedError",
    ]),
    ask("a chain is one trace", "GET /api/chain?hops=1", 200, r#"{"hops":[{"service":"parity","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"},{"service":"behind","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}]}"#)
        .sent(&[("traceparent", PARENT)])
        .spans(&[
            "SERVER GET /api/chain < 00f067aa0ba902b7 http.request.method=GET http.response.status_code=200 http.route=/api/chain url.path=/api/chain url.query=hops=1",
            "  CLIENT GET http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 server.port={behind} url.full=http://127.0.0.1:{behind}/api/chain?hops=0",
        ]),
    ask("too many hops are invalid", "GET /api/chain?a=%2B&hops=6", 422, BAD_HOPS).spans(&[
        "SERVER GET /api/chain http.request.method=GET http.response.status_code=422 http.route=/api/chain url.path=/api/chain url.query=a=%2B&hops=6",
    ]),
    ask("hops without a value are invalid", "GET /api/chain?hops", 422, BAD_HOPS),
    ask("the first value of hops counts", "GET /api/chain?hops=6&hops=0", 422, BAD_HOPS),
    ask("hops in brackets are hops", "GET /api/chain?hops[]=6", 422, BAD_HOPS),
    ask("the answer to HEAD has a length and no body", "HEAD /api/users", 200, USERS).spans(&[
        "SERVER HEAD /api/users http.request.method=HEAD http.response.status_code=200 http.route=/api/users url.path=/api/users",
        "  INTERNAL fetch_users db.operation=select db.operation.name=select db.system=postgresql db.system.name=postgresql result.count=3",
    ]),
    ask("an unknown path is not found", "GET /nowhere?sig=s3cret&a=1", 404, NOTHING).varies().spans(&[
        "SERVER GET http.request.method=GET http.response.status_code=404 url.path=/nowhere url.query=sig=REDACTED&a=1",
    ]),
    ask("HEAD of an unknown path is not found", "HEAD /nowhere", 404, NOTHING).varies().spans(&[
        "SERVER HEAD http.request.method=HEAD http.response.status_code=404 url.path=/nowhere",
    ]),
    ask("no endpoint accepts POST", "POST /api/users", 404, NOTHING).varies().spans(&[
        "SERVER POST http.request.method=POST http.response.status_code=404 url.path=/api/users",
    ]),
    ask("no endpoint accepts DELETE", "DELETE /health", 404, NOTHING).varies().spans(&[
        "SERVER DELETE http.request.method=DELETE http.response.status_code=404 url.path=/health",
    ]),
    ask("a trailing slash is ignored", "GET /health/", 200, HEALTHY).spans(&[
        "SERVER GET /health http.request.method=GET http.response.status_code=200 http.route=/health url.path=/health/",
    ]),
    ask("an empty segment is ignored", "GET /api//chain?hops=9", 422, BAD_HOPS).spans(&[
        "SERVER GET /api/chain http.request.method=GET http.response.status_code=422 http.route=/api/chain url.path=/api//chain url.query=hops=9",
    ]),
    ask("an encoded slash is not a separator", "GET /api%2Fhealth", 404, NOTHING).varies(),
    ask("an encoded letter is the letter", "GET /%68ealth", 200, HEALTHY).spans(&[
        "SERVER GET /health http.request.method=GET http.response.status_code=200 http.route=/health url.path=/%68ealth",
    ]),
    ask("paths are case-sensitive", "GET /Health", 404, NOTHING).varies(),
];

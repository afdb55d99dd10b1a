//! Requests that nobody means well by: an answer, and the next request is answered too.

use crate::harness::{Demo, Server, SpanDataExt, Spans, launch};

struct Running {
    server: Server,
    spans: Spans,
    _observed: std::sync::Arc<rocket_otel_demo::recent_traces::Observed>,
}

async fn demo() -> Running {
    let Demo { spans, rocket, observed } = Demo::new();
    Running { server: launch(rocket).await, spans, _observed: observed }
}

impl Running {
    async fn still_answers(&self) {
        assert_eq!(self.server.get("/health", "").await.text(), r#"{"status":"healthy"}"#);
    }
}

#[tokio::test]
async fn odd_paths_are_answered_below_500_under_bounded_names() {
    let demo = demo().await;
    let paths = [
        "/%00",
        "/%ff%fe",
        "/api/%2e%2e/%2e%2e/etc/passwd",
        "/../../etc/passwd",
        "/./api/./users/../../health",
        "//",
        "//api//nothing",
        "/api/users%00",
        "/static/%2e%2e%2fCargo.toml",
        "/static/../Cargo.toml",
        "/%F0%9F%A6%80",
        "/%",
        "/%zz",
        "/a%0d%0aX-Injected:%20yes",
        "/;a=b",
        "/<script>",
        "/?",
        "/?&&&===%00",
        "/api/chain?hops=%ff",
        "/api/chain?hops=1&hops=2&hops[]=3",
        "/api/traces/%2e%2e",
        "/api/traces/%ff%ff",
    ];
    for path in paths {
        let answer = demo.server.get(path, "").await;
        assert!((200..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(answer.header("X-Injected").is_none(), "{path}");
    }
    demo.still_answers().await;
    let known = ["GET", "HTTP", "GET /", "GET /health", "GET /api/chain"];
    for span in demo.spans.all() {
        assert!(known.contains(&span.name.as_ref()), "{}", span.name);
    }
}

#[tokio::test]
async fn a_very_long_query_is_answered_and_kept_whole() {
    let demo = demo().await;
    let query = "x=".to_owned() + &"y".repeat(8_000);
    let answer = demo.server.get(&format!("/health?{query}"), "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(demo.spans.ended().await.text("url.query"), Some(query));
    demo.still_answers().await;
}

#[tokio::test]
async fn headers_of_eight_kibibytes_are_answered() {
    let demo = demo().await;
    let long = "z".repeat(8 << 10);
    for name in ["X-Long", "User-Agent", "Accept", "traceparent", "tracestate", "baggage", "Cookie"]
    {
        let answer = demo.server.get("/health", &format!("{name}: {long}\r\n")).await;
        assert_eq!(answer.status, 200, "{name}");
    }
    demo.still_answers().await;
}

#[tokio::test]
async fn a_hundred_headers_are_answered_cleanly() {
    let demo = demo().await;
    for count in [90, 2_000] {
        let headers: Vec<_> = (0..count)
            .map(|n| {
                format!(
                    "X-{n}: {n}
"
                )
            })
            .collect();
        let answer = demo.server.get("/health", &headers.concat()).await;
        assert!((200..500).contains(&answer.status), "{count}: {}", answer.status);
    }
    demo.still_answers().await;
}

#[tokio::test]
async fn bytes_that_are_no_request_harm_nobody() {
    let demo = demo().await;
    for bytes in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n"] {
        let answer = demo.server.exchange(bytes).await;
        assert!(answer.status == 400 || answer.status == 0, "{}", answer.status);
    }
    // Half a request, and the client is gone.
    demo.server.connect().await.send("GET /health HTTP/1.1\r\nHost: loc").await;
    demo.still_answers().await;
}

#[tokio::test]
async fn header_values_that_are_no_text_are_left_out_or_answered_cleanly() {
    let demo = demo().await;
    for name in ["User-Agent", "traceparent", "tracestate", "Accept", "baggage"] {
        let mut request = format!("GET /health HTTP/1.1\r\nHost: x\r\n{name}: ").into_bytes();
        request.extend_from_slice(b"\xff\xfe\xc0\x80\r\nConnection: close\r\n\r\n");
        let answer = demo.server.exchange(request).await;
        assert!((200..500).contains(&answer.status), "{name}: {}", answer.status);
    }
    demo.still_answers().await;
}

#[tokio::test]
async fn a_body_nobody_reads_is_no_obstacle() {
    let demo = demo().await;
    let body = "x".repeat(100_000);
    let head = format!("Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let request = format!("POST /health HTTP/1.1\r\nHost: x\r\n{head}");
    let answer = demo.server.exchange(request).await;
    assert!(answer.status == 404 || answer.status == 0, "{}", answer.status);
    demo.still_answers().await;
}

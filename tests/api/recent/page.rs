//! The traces on the page. Nothing that a client sends becomes markup, and no secret is shown.

use rocket_otel_demo::app::Settings;

use crate::support::{Demo, PARENT_ID, SpanDataExt, TRACEPARENT};

const SECRET: &str = "hunter2";

#[tokio::test]
async fn the_page_shows_traces_as_waterfalls_newest_first() {
    let demo = Demo::start().await;
    let [users, ..] = demo.get("/api/users").await.trace();
    demo.browse("/traces").await;
    let [error, ..] = demo.get("/api/error").await.trace();
    let page = demo.browse("/").await;
    let at = |text: &str| page.text().find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at(&format!("id=\"trace-{error}\"")) < at(&format!("id=\"trace-{users}\"")));
    for span in demo.spans.all().iter().filter(|span| span.trace_id().to_string() == users) {
        at(&format!("id=\"span-{users}-{}\"", span.id()));
    }
    for shown in ["fetch_users", "result.count", "SimulatedError", "exception.stacktrace"] {
        at(shown);
    }
    let page = page.text().replace("&#x2f;", "/");
    assert!(page.contains("depth-0") && page.contains("depth-1"));
    assert!(page.contains(&format!("href=\"/api/traces/{users}\" download=")));
    assert!(!page.contains("Open in Jaeger"));
}

#[tokio::test]
async fn the_fragment_has_only_the_lists() {
    let demo = Demo::start().await;
    let [trace, ..] = demo.get("/health").await.trace();
    let fragment = demo.get("/traces").await;
    assert!(fragment.is_html());
    assert!(fragment.text().contains(&trace) && fragment.text().contains("id=\"exporters\""));
    assert!(!fragment.text().contains("<html") && !fragment.text().contains("<script"));
    assert_eq!(fragment.header("Cache-Control"), Some("no-store"));
    assert!(fragment.header("Content-Security-Policy").is_some());
}

#[tokio::test]
async fn what_a_client_sends_is_shown_as_text() {
    let demo = Demo::start().await;
    let script = "<script>alert('pwned')</script>\"><img src=x onerror=alert(1)>";
    demo.get_with("/health?%3Cb%3E=<i>", &[("User-Agent", script)]).await;
    for path in ["/", "/traces"] {
        let answer = demo.browse(path).await;
        let page = answer.text();
        assert!(page.contains("&lt;script&gt;alert("), "it is shown: {path}");
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{path}");
        assert!(!page.contains("<i>"), "{path}");
    }
}

#[tokio::test]
async fn no_page_file_or_debug_output_shows_what_redaction_hides() {
    let demo = Demo::start().await;
    let query =
        format!("a=1&sig={SECRET}&X-Amz-Signature={SECRET}&%73ig={SECRET}&Signature=x{SECRET}");
    let headers = [("Authorization", SECRET), ("Cookie", SECRET), ("X-Api-Key", SECRET)];
    let mut paths = vec!["/".to_owned(), "/traces".to_owned(), "/api/traces".to_owned()];
    for path in ["/health", "/api/error", "/nowhere"] {
        let [trace, ..] = demo.get_with(&format!("{path}?{query}"), &headers).await.trace();
        paths.push(format!("/api/traces/{trace}"));
    }
    for path in paths {
        let answer = demo.browse(&path).await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{path}");
        assert!(!text.contains(SECRET), "{path}: {text}");
        assert!(path == "/api/traces" || text.contains("REDACTED"), "{path} has no query: {text}");
    }
    assert!(!format!("{:?}", demo.telemetry()).contains(SECRET));
}

#[tokio::test]
async fn traces_link_to_a_configured_jaeger() {
    for base in ["http://jaeger.example/", "http://jaeger.example/ui"] {
        let settings = Settings { jaeger_ui: Some(base.parse().unwrap()), ..Settings::default() };
        let demo = Demo::with(&[], settings).await;
        let [trace, ..] = demo.get("/health").await.trace();
        let page = demo.browse("/").await.text().replace("&#x2f;", "/");
        let link = format!("href=\"{}/trace/{trace}\"", base.trim_end_matches('/'));
        assert!(page.contains(&link), "{link}");
    }
}

#[tokio::test]
async fn a_span_with_a_remote_parent_is_shown_with_the_parents_id() {
    let demo = Demo::start().await;
    demo.get_with("/api/users", &[("traceparent", TRACEPARENT)]).await;
    let page = demo.browse("/").await;
    assert!(page.text().contains("fetch_users") && page.text().contains(PARENT_ID));
}

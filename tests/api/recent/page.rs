//! The traces on the page: waterfalls, and nothing that a client sent becomes markup.

use rocket_otel_demo::app::Settings;

use crate::harness::{Demo, SpanDataExt};

#[tokio::test]
async fn the_page_shows_traces_as_waterfalls_newest_first() {
    let demo = Demo::new().local().await;
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
    let steps = [at("depth-0"), at("depth-1")];
    assert!(steps.iter().all(|&place| place > 0));
}

#[tokio::test]
async fn the_fragment_holds_the_lists_alone() {
    let demo = Demo::new().local().await;
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
    let demo = Demo::new().local().await;
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
async fn each_trace_links_to_jaeger_where_its_ui_is_known() {
    for base in ["http://jaeger.example/", "http://jaeger.example/ui"] {
        let settings = Settings { jaeger_ui: Some(base.parse().unwrap()), ..Settings::default() };
        let demo = Demo::with(&[], &settings).local().await;
        let [trace, ..] = demo.get("/health").await.trace();
        let page = demo.browse("/").await.text().replace("&#x2f;", "/");
        let link = format!("href=\"{}/trace/{trace}\"", base.trim_end_matches('/'));
        assert!(page.contains(&link), "{link}");
    }
    let demo = Demo::new().local().await;
    demo.get("/health").await;
    assert!(!demo.browse("/").await.text().contains("Open in Jaeger"));
}

#[tokio::test]
async fn the_page_offers_the_trace_as_a_file() {
    let demo = Demo::new().local().await;
    let [trace, ..] = demo.get("/health").await.trace();
    let page = demo.browse("/").await.text().replace("&#x2f;", "/");
    assert!(page.contains(&format!("href=\"/api/traces/{trace}\" download=")));
}

#[tokio::test]
async fn a_child_whose_parent_is_elsewhere_is_shown_all_the_same() {
    let demo = Demo::new().local().await;
    demo.get_with("/api/users", &[("traceparent", crate::harness::TRACEPARENT)]).await;
    let page = demo.browse("/").await;
    assert!(page.text().contains("fetch_users"));
    assert!(page.text().contains(crate::harness::PARENT_ID), "it tells whose child it is");
}

#[tokio::test]
async fn the_exporters_are_shown_as_off_where_there_are_none() {
    let demo = Demo::new().local().await;
    let page = demo.browse("/").await;
    assert_eq!(page.text().matches("class=\"pill off\"").count(), 3, "{}", page.text());
}

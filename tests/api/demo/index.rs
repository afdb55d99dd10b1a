//! `GET /`: one address, JSON or a page.

use crate::harness::{BROWSER, Demo, SpanDataExt, tree};

const JSON: &str = r#"{"message":"Hello from OTEL Demo App!","endpoints":["/api/users","/api/process","/health"]}"#;

#[tokio::test]
async fn whoever_has_no_preference_for_html_gets_json() {
    let demo = Demo::new().local().await;
    let accepts = [
        "*/*",
        "application/json",
        "application/*",
        "text/html;q=0.5, application/json",
        "text/html;q=0.9, */*;q=0.9",
        "text/plain",
        "",
        "no media type at all",
    ];
    for accept in accepts {
        let answer = demo.get_with("/", &[("Accept", accept)]).await;
        assert_eq!((answer.status, answer.text()), (200, JSON), "{accept:?}");
        assert!(answer.is_json(), "{accept:?}");
        assert_eq!(answer.header("Vary"), Some("Accept"), "{accept:?}");
    }
    let answer = demo.get("/").await;
    assert_eq!((answer.status, answer.text()), (200, JSON), "no Accept");
    assert_eq!(answer.header("Vary"), Some("Accept"));
}

#[tokio::test]
async fn whoever_prefers_html_gets_the_page() {
    let demo = Demo::new().local().await;
    for accept in [BROWSER, "text/html", "TEXT/HTML;q=0.2, application/json;q=0.1"] {
        let answer = demo.get_with("/", &[("Accept", accept)]).await;
        assert_eq!(answer.status, 200);
        assert!(answer.is_html(), "{accept:?}");
        assert!(answer.text().starts_with("<!doctype html>"), "{accept:?}");
        assert_eq!(answer.header("Vary"), Some("Accept"), "{accept:?}");
    }
}

#[tokio::test]
async fn several_accept_headers_are_one_list() {
    let demo = Demo::new().local().await;
    let accept = [("Accept", "application/json;q=0.1"), ("Accept", "text/html;q=0.2")];
    assert!(demo.get_with("/", &accept).await.is_html());
    let accept = [("Accept", "text/html;q=0.2"), ("Accept", "application/json")];
    assert!(demo.get_with("/", &accept).await.is_json());
}

#[tokio::test]
async fn the_index_makes_one_span_in_either_form() {
    let demo = Demo::new().local().await;
    demo.get("/").await;
    demo.browse("/").await;
    assert_eq!(tree(&demo.spans.all()), "Server GET /\nServer GET /\n");
    assert!(demo.spans.all().iter().all(|span| span.text("http.route").as_deref() == Some("/")));
}

#[tokio::test]
async fn the_page_names_the_service_its_endpoints_and_its_exporters() {
    let variables = [("OTEL_SERVICE_NAME", "shop & sons")];
    let demo = Demo::with(&variables, &rocket_otel_demo::app::Settings::default());
    let page = demo.local().await.browse("/").await;
    let page = page.text();
    assert!(page.contains("shop &amp; sons") && !page.contains("shop & sons"));
    for path in ["/api/users", "/api/process", "/api/error", "/api/chain?hops=2", "/health"] {
        let path = path.replace('/', "&#x2f;");
        assert!(page.replace('/', "&#x2f;").contains(&format!("href=\"{path}\"")), "{path}");
    }
    assert!(page.contains("traces") && page.contains("metrics") && page.contains("logs"));
}

#[tokio::test]
async fn the_page_runs_no_inline_script_or_style() {
    let demo = Demo::new().local().await;
    demo.get("/api/error").await;
    for path in ["/", "/nowhere"] {
        let answer = demo.browse(path).await;
        let policy = answer.header("Content-Security-Policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        let page = answer.text();
        assert!(!page.contains("<style") && !page.contains(" style="), "{path}");
        assert!(!page.contains(" onclick=") && !page.contains("javascript:"), "{path}");
        for script in page.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').unwrap();
            assert!(tag.contains("src=") && rest.starts_with("</script>"), "{path}: {tag}");
        }
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    }
}

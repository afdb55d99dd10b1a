//! `GET /`. Which clients get the page is in `pages::negotiation`; its text is in `tests/parity`.

use crate::support::{Demo, SpanDataExt, tree};

#[tokio::test]
async fn json_and_the_page_are_one_span_of_the_same_route() {
    let demo = Demo::start().await;
    assert!(demo.get("/").await.is_json());
    assert!(demo.browse("/").await.is_html());
    assert_eq!(tree(&demo.spans.all()), "Server GET /\nServer GET /\n");
    assert!(demo.spans.all().iter().all(|span| span.text("http.route") == Some("/")));
}

#[tokio::test]
async fn pages_have_no_inline_script_or_style() {
    let demo = Demo::start().await;
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

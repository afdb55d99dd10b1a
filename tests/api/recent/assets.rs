//! Static files: cached without limit by the address on the page, and revalidated by any other.

use crate::support::Demo;

/// The addresses on the page.
async fn addresses(demo: &Demo) -> Vec<String> {
    let page = demo.browse("/").await.text().replace("&#x2f;", "/").replace("&#x3d;", "=");
    let mut found: Vec<_> =
        page.split('"').filter(|part| part.starts_with("/static/")).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 3, "a style sheet, a script and an icon: {found:?}");
    found
}

#[tokio::test]
async fn files_are_cached_only_by_the_hash_of_their_content() {
    let demo = Demo::start().await;
    for address in addresses(&demo).await {
        let (path, hash) = address.split_once("?v=").expect("a hash");
        for v in [hash, "", "0123456789abcdef"] {
            let answer = demo.get(&format!("{path}?v={v}")).await;
            let cache = answer.header("Cache-Control").expect("a lifetime");
            assert_eq!((answer.status, cache.contains("immutable")), (200, v == hash), "{v}");
            assert!(v == hash || cache == "no-cache", "{cache}");
        }
        assert_eq!(demo.get(path).await.header("Cache-Control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn files_have_their_types_and_there_are_no_others() {
    let demo = Demo::start().await;
    for (name, content_type) in
        [("style.css", "text/css"), ("live.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
    {
        let answer = demo.get(&format!("/static/{name}")).await;
        let shown = answer.header("Content-Type").expect("a type");
        assert!(shown.starts_with(content_type), "{name}: {shown}");
        let source = std::fs::read(format!("static/{name}")).expect("the source");
        assert_eq!(answer.body, source, "{name}");
    }
    for missing in ["/static/", "/static/nothing.css", "/static/%2e%2e%2fCargo.toml", "/static"] {
        assert_eq!(demo.get(missing).await.status, 404, "{missing}");
    }
}

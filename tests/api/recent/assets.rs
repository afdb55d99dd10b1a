//! Static files: kept for ever by their address, and asked for again by any other.

use crate::harness::{Answer, Demo, LocalDemo};

/// The addresses that the page names.
async fn addresses(demo: &LocalDemo) -> Vec<String> {
    let page = demo.browse("/").await.text().replace("&#x2f;", "/").replace("&#x3d;", "=");
    let mut found: Vec<_> =
        page.split('"').filter(|part| part.starts_with("/static/")).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 3, "a style, a script and an icon: {found:?}");
    found
}

fn is_lasting(answer: &Answer) -> bool {
    let cache = answer.header("Cache-Control").expect("it says how long");
    cache.contains("immutable")
}

#[tokio::test]
async fn the_pages_files_are_kept_for_ever() {
    let demo = Demo::new().local().await;
    for address in addresses(&demo).await {
        let answer = demo.get(&address).await;
        assert_eq!(answer.status, 200, "{address}");
        assert!(is_lasting(&answer) && !answer.body.is_empty(), "{address}");
    }
}

#[tokio::test]
async fn a_file_under_another_mark_or_none_is_not_kept() {
    let demo = Demo::new().local().await;
    for address in addresses(&demo).await {
        let (path, _) = address.split_once('?').expect("a mark");
        for other in [path.to_owned(), format!("{path}?v="), format!("{path}?v=0123456789abcdef")] {
            let answer = demo.get(&other).await;
            assert_eq!((answer.status, is_lasting(&answer)), (200, false), "{other}");
            assert_eq!(answer.header("Cache-Control"), Some("no-cache"));
        }
    }
}

#[tokio::test]
async fn files_have_their_types_and_there_are_no_others() {
    let demo = Demo::new().local().await;
    for (name, content_type) in
        [("style.css", "text/css"), ("live.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
    {
        let answer = demo.get(&format!("/static/{name}")).await;
        let shown = answer.header("Content-Type").expect("a type");
        assert!(shown.starts_with(content_type), "{name}: {shown}");
        let length = answer.body.len();
        let file = std::fs::metadata(format!("static/{name}"));
        assert_eq!(length as u64, file.expect("the source").len());
    }
    for missing in ["/static/", "/static/nothing.css", "/static/%2e%2e%2fCargo.toml", "/static"] {
        assert_eq!(demo.get(missing).await.status, 404, "{missing}");
    }
}

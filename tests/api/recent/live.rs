//! `GET /api/traces/live`: news of changes, as server-sent events.

use crate::harness::{Demo, launch};

#[tokio::test]
async fn an_open_page_hears_of_every_change() {
    let Demo { rocket, observed: _observed, .. } = Demo::new();
    let server = launch(rocket).await;
    let mut page = server.connect().await;
    page.send("GET /api/traces/live HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let first = page.read_until("data:0\n").await;
    assert!(first.contains("text/event-stream") && first.contains("event:traces"), "{first}");

    for change in 1..=2 {
        server.get("/health", "").await;
        let news = page.read_until(&format!("data:{change}\n")).await;
        assert!(news.contains("event:traces"), "{news}");
    }
    drop(page);
    assert_eq!(server.get("/health", "").await.status, 200);
}

#[tokio::test]
async fn an_open_page_does_not_hold_up_the_shutdown() {
    let Demo { rocket, observed: _observed, .. } = Demo::new();
    let server = launch(rocket).await;
    let mut page = server.connect().await;
    page.send("GET /api/traces/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    page.read_until("data:0\n").await;
    server.shutdown.notify();
    // The stream ends by itself: its answer is whole.
    assert!(page.read_until("0\r\n\r\n").await.ends_with("0\r\n\r\n"));
    server.ended.await.expect("no panic").expect("a clean end");
}

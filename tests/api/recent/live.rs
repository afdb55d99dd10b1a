//! `GET /api/traces/live`: an event for every change.

use std::time::Duration;

use rocket::local::asynchronous::LocalResponse;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::support::Demo;

/// Far longer than an event needs to arrive.
const SOON: Duration = Duration::from_secs(20);

/// Reads until `mark` has arrived.
async fn read_until(page: &mut LocalResponse<'_>, mark: &str) -> String {
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains(mark) {
        let read = timeout(SOON, page.read_buf(&mut all)).await;
        let count = read.expect("an event in time").expect("the stream goes on");
        assert!(count > 0, "ended before {mark:?}: {:?}", String::from_utf8_lossy(&all));
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn an_open_page_receives_an_event_for_every_change_until_the_shutdown() {
    let demo = Demo::start().await;
    let mut page = demo.client.get("/api/traces/live").dispatch().await;
    let content_type = page.content_type().expect("a type");
    assert!(content_type.is_event_stream(), "{content_type}");
    for change in 0..=2 {
        let event = read_until(&mut page, &format!("data:{change}\n")).await;
        assert!(event.contains("event:traces"), "{event}");
        demo.get("/health").await;
        assert!(demo.recent().is_some(), "the span is delivered");
    }
    demo.client.rocket().shutdown().notify();
    let mut rest = Vec::new();
    timeout(SOON, page.read_to_end(&mut rest)).await.expect("in time").expect("the stream ends");
}

//! What redaction hides stays hidden in everything that the recent traces are shown by.

use crate::harness::Demo;

const SECRET: &str = "hunter2";

#[tokio::test]
async fn neither_a_page_nor_a_file_tells_what_redaction_hides() {
    let demo = Demo::new().local().await;
    let query =
        format!("a=1&sig={SECRET}&X-Amz-Signature={SECRET}&%73ig={SECRET}&Signature=x{SECRET}");
    let headers = [("Authorization", SECRET), ("Cookie", SECRET), ("X-Api-Key", SECRET)];
    let mut traces = Vec::new();
    for path in ["/health", "/api/error", "/nowhere"] {
        let [trace, ..] = demo.get_with(&format!("{path}?{query}"), &headers).await.trace();
        traces.push(trace);
    }
    let mut paths = vec!["/".to_owned(), "/traces".to_owned(), "/api/traces".to_owned()];
    paths.extend(traces.iter().map(|trace| format!("/api/traces/{trace}")));
    for path in paths {
        let answer = demo.browse(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains(SECRET), "{path}: {}", answer.text());
        if path != "/api/traces" {
            assert!(
                answer.text().contains("REDACTED"),
                "{path} shows the query: {}",
                answer.text()
            );
        }
    }
    assert!(!format!("{:?}", demo.observed.telemetry).contains(SECRET));
}

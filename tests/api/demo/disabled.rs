//! `OTEL_SDK_DISABLED`, and requests that are not sampled.

use rocket_otel_demo::app::Settings;

use crate::support::{Demo, Downstream, PARENT_ID, TRACE_ID, TRACEPARENT};

const DISABLED: [(&str, &str); 1] = [("OTEL_SDK_DISABLED", "true")];

#[tokio::test]
async fn a_disabled_sdk_starts_no_spans_and_changes_no_answer() {
    let demo = Demo::with(&DISABLED, Settings::default()).await;
    for (path, status) in [("/", 200), ("/api/error", 500), ("/health", 200), ("/nowhere", 404)] {
        let answer = demo.get_with(path, &[("traceparent", TRACEPARENT)]).await;
        assert_eq!((answer.status, answer.header("traceresponse")), (status, None), "{path}");
    }
    assert!(demo.spans.all().is_empty());
    assert!(demo.recent().is_none());
    assert!(demo.browse("/").await.text().contains("Recent traces are disabled"));
}

#[tokio::test]
async fn a_disabled_sdk_propagates_what_it_receives_and_nothing_else() {
    let downstream = Downstream::start().await;
    let demo = Demo::with(&DISABLED, downstream.settings()).await;
    let all = [("traceparent", TRACEPARENT), ("tracestate", "a=1"), ("baggage", "k=v")];
    for headers in [&all[..], &all[2..], &[]] {
        let answer = demo.get_with("/api/chain?hops=1", headers).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        for (name, value) in all {
            let expected = headers.iter().find(|header| header.0 == name).map(|_| value);
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(downstream.header(name), expected, "{name} of {headers:?}");
        }
    }
    assert!(demo.spans.all().is_empty());
}

#[tokio::test]
async fn a_caller_that_is_not_sampled_is_propagated_but_not_recorded() {
    let downstream = Downstream::start().await;
    let demo = Demo::with(&[], downstream.settings()).await;
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-00");
    let answer = demo.get_with("/api/chain?hops=1", &[("traceparent", &parent)]).await;
    let [trace, span, flags] = answer.trace();
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE_ID, "00"));
    assert_ne!(span, PARENT_ID);
    let [sent] = downstream.header("traceparent").try_into().expect("one header");
    assert!(sent.starts_with(&format!("00-{TRACE_ID}-")) && sent.ends_with("-00"), "{sent}");
    assert!(demo.spans.all().is_empty());
    assert!(demo.recent().expect("enabled").newest_first().is_empty());
}

#[tokio::test]
async fn a_sampler_that_is_off_records_nothing_but_answers_name_their_trace() {
    let demo = Demo::with(&[("OTEL_TRACES_SAMPLER", "always_off")], Settings::default()).await;
    assert_eq!(demo.get("/health").await.trace()[2], "00");
    assert!(demo.spans.all().is_empty());
}

//! `tracestate`: one list out of however many headers, or none of it where it is invalid.

use crate::harness::{Foreign, SpanDataExt, TRACE_ID, TRACEPARENT};

/// What becomes of these `tracestate` headers. The parent stands in any case.
async fn state_of(headers: &[&str]) -> String {
    let app = Foreign::new().local().await;
    let parent = [("traceparent", TRACEPARENT)];
    let states = headers.iter().map(|value| ("tracestate", *value));
    let all: Vec<_> = parent.into_iter().chain(states).collect();
    assert_eq!(app.get_with("/base/plain", &all).await.status, 200);
    let span = app.spans.only();
    assert_eq!(span.trace_id().to_string(), TRACE_ID, "the parent stands: {headers:?}");
    span.span_context.trace_state().header()
}

#[tokio::test]
async fn a_state_is_handed_on_in_its_order() {
    assert_eq!(
        state_of(&["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"]).await,
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    );
}

#[tokio::test]
async fn several_headers_are_one_list() {
    assert_eq!(state_of(&["a=1", "b=2,c=3", "d=4"]).await, "a=1,b=2,c=3,d=4");
}

#[tokio::test]
async fn white_space_between_members_and_empty_members_are_allowed() {
    assert_eq!(state_of(&[" a=1 ,\tb=2\t, ,,c=3,", "", "d=4 "]).await, "a=1,b=2,c=3,d=4");
    for nothing in [&[""][..], &[",,, ,"], &["", ""], &[]] {
        assert_eq!(state_of(nothing).await, "", "{nothing:?}");
    }
}

#[tokio::test]
async fn a_value_may_hold_spaces_but_not_end_with_one() {
    assert_eq!(
        state_of(&["a=1 2,b=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"]).await,
        "a=1 2,b=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"
    );
}

#[tokio::test]
async fn thirty_two_members_are_handed_on_and_more_are_dropped_whole() {
    let list = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("k{n}={n}")).collect();
        members.join(",")
    };
    assert_eq!(state_of(&[&list(32)]).await, list(32));
    assert_eq!(state_of(&[&list(33)]).await, "");
    assert_eq!(state_of(&[&list(500)]).await, "");
    assert_eq!(state_of(&[&list(32), "one=more"]).await, "", "however many headers they come in");
}

#[tokio::test]
async fn keys_of_every_allowed_kind_are_handed_on() {
    let longest = "k".repeat(256);
    // The specification has 14 characters behind the at sign; the API's parser takes 13.
    let tenant = format!("{}@{}", "1".repeat(241), "s".repeat(13));
    for key in ["a", "a_-*/9", "1a", "0tenant@system", "fw529a3039@dt", &longest, &tenant] {
        let state = format!("{key}=1");
        assert_eq!(state_of(&[&state]).await, state);
    }
    let value = format!("a={}", "v".repeat(256));
    assert_eq!(state_of(&[&value]).await, value);
}

#[tokio::test]
async fn one_bad_member_drops_the_whole_state() {
    let long_key = format!("{}=1", "k".repeat(257));
    let long_value = format!("a={}", "v".repeat(257));
    let long_system = format!("t@{}=1", "s".repeat(15));
    let bad = [
        // Keys.
        "=1",
        "A=1",
        "a b=1",
        " =1",
        "a\u{e9}=1",
        "a.b=1",
        "@a=1",
        "_a=1",
        &long_key,
        // These two are keys of level 2, but not of the API's own parser.
        "a@b@c=1",
        &long_system,
        // Values.
        "a",
        "a=",
        "a=1=2",
        "a=\u{e9}",
        "a=\u{7f}",
        &long_value,
    ];
    for member in bad {
        assert_eq!(state_of(&[&format!("good=1,{member},fine=2")]).await, "", "{member:?}");
        assert_eq!(state_of(&["good=1", member]).await, "", "{member:?} in a header of its own");
    }
}

#[tokio::test]
async fn of_a_key_that_comes_twice_the_first_is_handed_on() {
    assert_eq!(state_of(&["a=1,b=2,a=3"]).await, "a=1,b=2");
    assert_eq!(state_of(&["a=1,b=2", "a=1,c=3"]).await, "a=1,b=2,c=3");
}

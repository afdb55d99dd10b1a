use serde_json::{Value as Json, json};

use super::*;
use crate::{
    plan,
    testing::{recorded, reply},
};

const CALLER_ID: &str = "00000000000000ff";

fn planned(target: &str) -> &'static expected::Span {
    let request = plan::FUNCTIONAL.iter().find(|request| request.target == target);
    &request.expect("a planned request").trace
}

/// The problems of a trace that is as planned but for what `change` does to it.
fn problems(target: &str, change: impl FnOnce(&mut Vec<Json>)) -> Vec<String> {
    let mut spans = recorded(planned(target), CALLER_ID);
    change(&mut spans);
    let spans = otlp::parse(&reply(&spans)).expect("OTLP");
    compare(planned(target), CALLER_ID, &spans).iter().map(ToString::to_string).collect()
}

fn position(spans: &[Json], name: &str) -> usize {
    spans.iter().position(|span| span["name"] == name).expect("recorded")
}

fn span<'a>(spans: &'a mut [Json], name: &str) -> &'a mut Json {
    let position = position(spans, name);
    &mut spans[position]
}

fn remove(list: &mut Json, key: &str) {
    list.as_array_mut().expect("a list").retain(|pair| pair["key"] != key);
}

fn set(list: &mut Json, key: &str, value: &Json) {
    remove(list, key);
    list.as_array_mut().expect("a list").push(json!({"key": key, "value": value}));
}

#[test]
fn a_trace_as_planned_has_no_problem() {
    for request in plan::FUNCTIONAL {
        assert_eq!(problems(request.target, |_| {}), [""; 0], "{}", request.target);
    }
}

#[test]
fn the_order_in_which_spans_arrive_does_not_matter() {
    assert_eq!(problems("/api/process", |spans| spans.reverse()), [""; 0]);
    assert_eq!(problems("/api/chain?hops=2", |spans| spans.reverse()), [""; 0]);
}

#[test]
fn a_missing_span_is_named() {
    let problems = problems("/api/users", |spans| drop(spans.remove(1)));
    assert_eq!(problems, ["span `fetch_users`: missing"]);
}

#[test]
fn a_missing_parent_is_named_and_so_are_those_it_left() {
    let problems = problems("/api/process", |spans| drop(spans.remove(1)));
    assert_eq!(problems[0], "span `process_request`: missing");
    let orphan = "span `validate_data`: parent is a span that is not in the trace, expected `process_request`";
    assert_eq!(problems[1], orphan);
    assert_eq!(problems.len(), 4);
}

#[test]
fn an_extra_span_is_named_with_its_parent() {
    let problems = problems("/api/users", |spans| {
        let mut twin = span(spans, "fetch_users").clone();
        twin["spanId"] = json!("00000000000000aa");
        spans.push(twin);
    });
    assert_eq!(problems, ["span `fetch_users`: one too many, below `GET /api/users`"]);
}

#[test]
fn a_wrong_parent_is_named_with_the_right_one() {
    let problems = problems("/api/process", |spans| {
        let server = spans[0]["spanId"].clone();
        span(spans, "validate_data")["parentSpanId"] = server;
    });
    assert_eq!(
        problems,
        ["span `validate_data`: parent is `GET /api/process`, expected `process_request`"]
    );
}

#[test]
fn a_server_span_must_be_the_child_of_the_request() {
    let problems = problems("/", |spans| spans[0]["parentSpanId"] = json!(""));
    assert_eq!(problems, ["span `GET /`: parent is no span, expected the runner's request"]);
}

#[test]
fn a_wrong_parent_below_another_of_the_same_name_is_told_apart() {
    let problems = problems("/api/chain?hops=2", |spans| {
        let first_client = spans[1]["spanId"].clone();
        spans[4]["parentSpanId"] = first_client;
    });
    assert_eq!(problems, ["span `GET /api/chain #3`: parent is `GET`, expected `GET #2`"]);
}

#[test]
fn siblings_that_start_in_another_order_are_named() {
    let problems = problems("/api/process", |spans| {
        span(spans, "process_data")["startTimeUnixNano"] = json!("2");
    });
    assert_eq!(problems, ["span `process_data`: starts before `validate_data`, expected after it"]);
}

#[test]
fn a_wrong_kind_is_named() {
    let wrong = problems("/api/users", |spans| {
        spans[0]["kind"] = json!("SPAN_KIND_INTERNAL");
    });
    assert_eq!(wrong, ["span `GET /api/users`: kind is Internal, expected Server"]);
    let unknown = problems("/api/users", |spans| spans[0]["kind"] = json!(0));
    assert_eq!(unknown, ["span `GET /api/users`: kind is unknown, expected Server"]);
}

#[test]
fn a_wrong_status_is_named_both_ways() {
    let error = problems("/", |spans| {
        spans[0]["status"] = json!({"code": "STATUS_CODE_ERROR"});
    });
    assert_eq!(error, ["span `GET /`: status is Error, expected another"]);
    let none = problems("/api/error", |spans| spans[0]["status"] = json!({}));
    assert_eq!(none, ["span `GET /api/error`: status is not Error, expected Error"]);
}

#[test]
fn a_missing_attribute_is_named() {
    let problems = problems("/api/process", |spans| {
        remove(&mut span(spans, "save_results")["attributes"], "records_saved");
    });
    assert_eq!(problems, ["span `save_results`: attribute `records_saved` is missing"]);
}

#[test]
fn a_wrong_attribute_is_shown_with_the_expected_value() {
    let wrong = |value: Json| {
        let problems = problems("/api/users", |spans| {
            set(&mut span(spans, "fetch_users")["attributes"], "result.count", &value);
        });
        problems.concat()
    };
    assert_eq!(
        wrong(json!({"intValue": "4"})),
        "span `fetch_users`: attribute `result.count` is 4, expected 3"
    );
    let text = "span `fetch_users`: attribute `result.count` is \"3\", expected 3";
    assert_eq!(wrong(json!({"stringValue": "3"})), text);
}

#[test]
fn an_attribute_that_may_vary_must_still_have_its_type() {
    let problems = problems("/", |spans| {
        set(&mut spans[0]["attributes"], "server.port", &json!({"stringValue": "8000"}));
        set(&mut spans[0]["attributes"], "client.address", &json!({"stringValue": ""}));
    });
    let expected = [
        "span `GET /`: attribute `server.port` is \"8000\", expected an integer",
        "span `GET /`: attribute `client.address` is \"\", expected a text",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn a_missing_event_or_attribute_of_it_is_named() {
    let event = problems("/api/error", |spans| spans[0]["events"] = json!([]));
    assert_eq!(event, ["span `GET /api/error`: event `exception` is missing"]);
    let attribute = problems("/api/error", |spans| {
        remove(&mut spans[0]["events"][0]["attributes"], "exception.stacktrace");
    });
    let expected =
        ["span `GET /api/error`: event `exception`: attribute `exception.stacktrace` is missing"];
    assert_eq!(attribute, expected);
}

#[test]
fn every_problem_has_its_line() {
    let problems = problems("/api/process", |spans| {
        spans[0]["kind"] = json!(1);
        drop(spans.pop());
    });
    let expected = [
        "span `GET /api/process`: kind is Internal, expected Server",
        "span `save_results`: missing",
    ];
    assert_eq!(problems, expected);
}

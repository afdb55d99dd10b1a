//! Compares the recorded spans with the planned tree.

use std::ptr;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};

use super::expected::{self, Attribute, EXCEPTION};
use super::otlp;

/// What a root's parent is called.
const CALLER: &str = "the runner's request";

/// The differences between a trace and its plan.
#[derive(Default)]
pub(super) struct Differences {
    /// One line each; empty if the trace is as planned.
    pub(super) problems: Vec<String>,
    /// Whether a planned span is missing.
    pub(super) missing: bool,
}

/// All differences between `recorded`, in the order of start, and `planned`, whose root is a child of
/// the span `caller`, which no trace contains.
pub(super) fn compare(planned: &expected::Span, caller: &[u8], recorded: &[Span]) -> Differences {
    let mut tree = Tree { caller, recorded, planned: Vec::new() };
    tree.list(planned, None);
    // First, every span that is in its place, before a misplaced one can take it. Then, spans with the
    // right name under the wrong parent; those below them are in place again.
    for elsewhere in [false, true] {
        for index in 0..tree.planned.len() {
            if tree.planned[index].found.is_none() {
                tree.planned[index].found = tree.find(index, elsewhere);
            }
        }
    }
    tree.differences()
}

struct Tree<'a> {
    caller: &'a [u8],
    recorded: &'a [Span],
    /// Parents before children.
    planned: Vec<Planned<'a>>,
}

struct Planned<'a> {
    span: &'a expected::Span,
    /// Index in `Tree::planned`.
    parent: Option<usize>,
    /// A chain of calls has the same names at every hop: `GET /api/chain`, `GET /api/chain #2`.
    label: String,
    found: Option<&'a Span>,
}

impl<'a> Tree<'a> {
    fn list(&mut self, span: &'a expected::Span, parent: Option<usize>) {
        let index = self.planned.len();
        let label = match self.planned.iter().filter(|other| other.span.name == span.name).count() {
            0 => span.name.to_owned(),
            before => format!("{} #{}", span.name, before + 1),
        };
        self.planned.push(Planned { span, parent, label, found: None });
        span.children.iter().for_each(|child| self.list(child, Some(index)));
    }

    /// The first recorded span with the name and the parent of a planned one, or else with its name alone, that
    /// belongs to no planned span yet.
    fn find(&self, index: usize, elsewhere: bool) -> Option<&'a Span> {
        let (name, parent) = (self.planned[index].span.name, self.parent_id(index));
        let mut free =
            self.recorded.iter().filter(|span| span.name == name && self.owner(span).is_none());
        let in_place = free.clone().find(|span| Some(&*span.parent_span_id) == parent);
        in_place.or_else(|| free.next().filter(|_| elsewhere))
    }

    fn owner(&self, recorded: &Span) -> Option<&Planned<'a>> {
        self.planned
            .iter()
            .find(|planned| planned.found.is_some_and(|found| ptr::eq(found, recorded)))
    }

    /// The id of the span that matches the planned parent.
    fn parent_id(&self, index: usize) -> Option<&'a [u8]> {
        match self.planned[index].parent {
            None => Some(self.caller),
            Some(parent) => self.planned[parent].found.map(|found| &*found.span_id),
        }
    }

    fn differences(&self) -> Differences {
        let mut differences = Differences::default();
        let mut report = |span: &str, fault: String| {
            differences.problems.push(format!("span `{span}`: {fault}"));
        };
        for (index, Planned { span, parent, label, found }) in self.planned.iter().enumerate() {
            let Some(found) = found else {
                differences.missing = true;
                report(label, "missing".to_owned());
                continue;
            };
            if self.parent_id(index) != Some(&*found.parent_span_id) {
                let expected = parent.map(|parent| format!("`{}`", self.planned[parent].label));
                let (found, expected) = (self.name_of_parent(found), expected.as_deref());
                report(
                    label,
                    format!("parent is {found}, expected {}", expected.unwrap_or(CALLER)),
                );
            }
            for fault in faults_within(span, found) {
                report(label, fault);
            }
        }
        for (index, Planned { parent, label, found, .. }) in self.planned.iter().enumerate() {
            let mut before =
                self.planned[..index].iter().rev().filter(|other| other.parent == *parent);
            let previous = before.find_map(|sibling| Some((&sibling.label, sibling.found?)));
            if let (Some(found), Some((previous, first))) = (found, previous)
                && found.start_time_unix_nano < first.start_time_unix_nano
            {
                report(label, format!("starts before `{previous}`, expected after it"));
            }
        }
        for span in self.recorded.iter().filter(|span| self.owner(span).is_none()) {
            report(&span.name, format!("not expected, below {}", self.name_of_parent(span)));
        }
        differences
    }

    fn name_of_parent(&self, span: &Span) -> String {
        let id = &*span.parent_span_id;
        match self.recorded.iter().find(|other| other.span_id == id) {
            _ if id == self.caller => CALLER.to_owned(),
            _ if id.is_empty() => "no span".to_owned(),
            None => "a span that is not in the trace".to_owned(),
            Some(parent) => {
                format!("`{}`", self.owner(parent).map_or(&parent.name, |planned| &planned.label))
            }
        }
    }
}

/// What the span alone shows.
fn faults_within(planned: &expected::Span, found: &Span) -> Vec<String> {
    let mut faults = Vec::new();
    if found.kind() != planned.kind {
        faults.push(format!("kind is {:?}, expected {:?}", found.kind(), planned.kind));
    }
    let failed = found.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
    match (failed, planned.failed) {
        (true, false) => faults.push("status is Error, expected success".to_owned()),
        (false, true) => faults.push("status is not Error, expected Error".to_owned()),
        _ => {}
    }
    faults.extend(attribute_faults(&planned.all_attributes(), &found.attributes));
    if planned.failed {
        let (name, attributes) = EXCEPTION;
        match found.events.iter().find(|event| event.name == name) {
            None => faults.push(format!("event `{name}` is missing")),
            Some(event) => {
                let of_event = attribute_faults(&attributes, &event.attributes);
                faults.extend(of_event.map(|fault| format!("event `{name}`: {fault}")));
            }
        }
    }
    faults
}

fn attribute_faults(planned: &[Attribute], found: &[KeyValue]) -> impl Iterator<Item = String> {
    planned.iter().filter_map(|&(key, expected)| match otlp::attribute(found, key) {
        None => Some(format!("attribute `{key}` is missing")),
        Some(found) if expected.matches(found) => None,
        Some(found) => {
            Some(format!("attribute `{key}` is {}, expected {expected}", otlp::display(found)))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::plan;
    use crate::testing::{recorded, reply};

    const CALLER: u64 = 0xff;

    fn planned(target: &str) -> &'static expected::Span {
        let request = plan::FUNCTIONAL.iter().find(|request| request.target == target);
        &request.expect("a planned request").trace
    }

    /// The problems of a trace that is as planned except for `change`.
    fn problems(target: &str, change: impl FnOnce(&mut Vec<Json>)) -> Vec<String> {
        let mut spans = recorded(planned(target), &format!("{CALLER:016x}"));
        change(&mut spans);
        let spans = otlp::parse(&reply(&spans)).expect("OTLP");
        compare(planned(target), &CALLER.to_be_bytes(), &spans).problems
    }

    fn span<'a>(spans: &'a mut [Json], name: &str) -> &'a mut Json {
        spans.iter_mut().find(|span| span["name"] == name).expect("recorded")
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
    fn a_missing_parent_and_its_orphans_are_named() {
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
        assert_eq!(problems, ["span `fetch_users`: not expected, below `GET /api/users`"]);
    }

    #[test]
    fn a_wrong_parent_is_named_with_the_right_one() {
        let problems = problems("/api/process", |spans| {
            let server = spans[0]["spanId"].clone();
            span(spans, "validate_data")["parentSpanId"] = server;
        });
        let expected =
            "span `validate_data`: parent is `GET /api/process`, expected `process_request`";
        assert_eq!(problems, [expected]);
    }

    #[test]
    fn a_server_span_must_be_the_child_of_the_request() {
        let problems = problems("/", |spans| spans[0]["parentSpanId"] = json!(""));
        assert_eq!(problems, ["span `GET /`: parent is no span, expected the runner's request"]);
    }

    #[test]
    fn a_wrong_parent_below_a_span_of_the_same_name_has_its_number() {
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
        let expected = "span `process_data`: starts before `validate_data`, expected after it";
        assert_eq!(problems, [expected]);
    }

    #[test]
    fn a_wrong_kind_is_named() {
        for (kind, found) in [(1, "Internal"), (0, "Unspecified")] {
            let problems = problems("/api/users", |spans| spans[0]["kind"] = json!(kind));
            let expected = format!("span `GET /api/users`: kind is {found}, expected Server");
            assert_eq!(problems, [expected]);
        }
    }

    #[test]
    fn a_wrong_status_is_named_both_ways() {
        let error = problems("/", |spans| spans[0]["status"] = json!({"code": 2}));
        assert_eq!(error, ["span `GET /`: status is Error, expected success"]);
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
        for (value, found) in
            [(json!({"intValue": "4"}), "4"), (json!({"stringValue": "3"}), "\"3\"")]
        {
            let problems = problems("/api/users", |spans| {
                set(&mut span(spans, "fetch_users")["attributes"], "result.count", &value);
            });
            let expected =
                format!("span `fetch_users`: attribute `result.count` is {found}, expected 3");
            assert_eq!(problems, [expected]);
        }
    }

    #[test]
    fn an_attribute_that_varies_must_still_have_its_type() {
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
    fn a_missing_event_and_a_missing_attribute_of_one_are_named() {
        let event = problems("/api/error", |spans| spans[0]["events"] = json!([]));
        assert_eq!(event, ["span `GET /api/error`: event `exception` is missing"]);
        let attribute = problems("/api/error", |spans| {
            remove(&mut spans[0]["events"][0]["attributes"], "exception.stacktrace");
        });
        let expected =
            "span `GET /api/error`: event `exception`: attribute `exception.stacktrace` is missing";
        assert_eq!(attribute, [expected]);
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
}

//! Compares the recorded spans with the planned tree.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};

use super::expected::{self, Attribute};
use super::otlp;
use super::plan::kind_attributes;
use super::problem::{Fault, Problem};

/// All differences between `recorded`, in the order of start, and `planned`, whose root is a child of
/// the span `caller`.
pub(super) fn compare(planned: &expected::Span, caller: &[u8], recorded: &[Span]) -> Vec<Problem> {
    let mut comparison = Comparison { caller, recorded, planned: Vec::new(), problems: Vec::new() };
    comparison.list(planned, None);
    comparison.number_namesakes();
    comparison.match_where_planned();
    comparison.match_elsewhere();
    comparison.check_matches();
    comparison.check_order();
    comparison.report_leftovers();
    comparison.problems
}

struct Comparison<'a> {
    /// The span id that the runner sent. No trace contains its span.
    caller: &'a [u8],
    recorded: &'a [Span],
    /// The planned tree, parents before children.
    planned: Vec<Planned<'a>>,
    problems: Vec<Problem>,
}

struct Planned<'a> {
    span: &'a expected::Span,
    /// Index in `Comparison::planned`.
    parent: Option<usize>,
    /// The name, with a number if an earlier span has the same name.
    label: String,
    /// Index in `Comparison::recorded`.
    found: Option<usize>,
}

impl<'a> Comparison<'a> {
    fn list(&mut self, span: &'a expected::Span, parent: Option<usize>) {
        let index = self.planned.len();
        self.planned.push(Planned { span, parent, label: span.name.to_owned(), found: None });
        for child in span.children {
            self.list(child, Some(index));
        }
    }

    /// A chain of calls has the same names at every hop: `GET /api/chain`, `GET /api/chain #2`.
    fn number_namesakes(&mut self) {
        for index in (0..self.planned.len()).rev() {
            let name = self.planned[index].span.name;
            let before =
                self.planned[..index].iter().filter(|other| other.span.name == name).count();
            if before > 0 {
                self.planned[index].label = format!("{name} #{}", before + 1);
            }
        }
    }

    /// Matches every span that is in its place, before a misplaced one can take it.
    fn match_where_planned(&mut self) {
        for index in 0..self.planned.len() {
            self.planned[index].found = self.find_where_planned(index);
        }
    }

    /// Matches spans with the right name under the wrong parent; those below them are in place again.
    fn match_elsewhere(&mut self) {
        for index in 0..self.planned.len() {
            if self.planned[index].found.is_some() {
                continue;
            }
            let name = self.planned[index].span.name;
            let found =
                self.find_where_planned(index).or_else(|| self.find(|span| span.name == name));
            self.planned[index].found = found;
        }
    }

    fn find_where_planned(&self, index: usize) -> Option<usize> {
        let parent_id = self.planned_parent_id(index)?;
        let name = self.planned[index].span.name;
        self.find(|span| span.name == name && span.parent_span_id == parent_id)
    }

    /// The first recorded span that matches and belongs to no planned span yet.
    fn find(&self, matches: impl Fn(&Span) -> bool) -> Option<usize> {
        (0..self.recorded.len())
            .find(|&index| matches(&self.recorded[index]) && self.owner(index).is_none())
    }

    fn owner(&self, recorded: usize) -> Option<&Planned<'a>> {
        self.planned.iter().find(|planned| planned.found == Some(recorded))
    }

    /// The id of the span that matches the planned parent.
    fn planned_parent_id(&self, index: usize) -> Option<&'a [u8]> {
        match self.planned[index].parent {
            None => Some(self.caller),
            Some(parent) => self.planned[parent].found.map(|found| &*self.recorded[found].span_id),
        }
    }

    fn check_matches(&mut self) {
        for index in 0..self.planned.len() {
            let span = &self.planned[index];
            let faults = match span.found {
                None => vec![Fault::Missing],
                Some(found) => {
                    let found = &self.recorded[found];
                    let mut faults = Vec::from_iter(self.parent_fault(index, found));
                    faults.extend(faults_within(span.span, found));
                    faults
                }
            };
            let problem = |fault| Problem { span: span.label.clone(), fault };
            self.problems.extend(faults.into_iter().map(problem));
        }
    }

    fn parent_fault(&self, index: usize, found: &Span) -> Option<Fault> {
        if self.planned_parent_id(index) == Some(&*found.parent_span_id) {
            return None;
        }
        let expected = match self.planned[index].parent {
            Some(parent) => format!("`{}`", self.planned[parent].label),
            None => CALLER.to_owned(),
        };
        Some(Fault::Parent { found: self.name_of_parent(found), expected })
    }

    fn check_order(&mut self) {
        for parent in 0..self.planned.len() {
            let children = self.planned.iter().filter(|planned| planned.parent == Some(parent));
            let found: Vec<_> =
                children.filter_map(|child| Some((child, &self.recorded[child.found?]))).collect();
            for pair in found.windows(2) {
                let [(previous, first), (span, second)] = [pair[0], pair[1]];
                if second.start_time_unix_nano < first.start_time_unix_nano {
                    let fault = Fault::Order { previous: previous.label.clone() };
                    self.problems.push(Problem { span: span.label.clone(), fault });
                }
            }
        }
    }

    fn report_leftovers(&mut self) {
        for (index, span) in self.recorded.iter().enumerate() {
            if self.owner(index).is_none() {
                let fault = Fault::Extra { parent: self.name_of_parent(span) };
                self.problems.push(Problem { span: span.name.clone(), fault });
            }
        }
    }

    fn name_of_parent(&self, span: &Span) -> String {
        let id = &*span.parent_span_id;
        let recorded = self.recorded.iter().position(|other| other.span_id == id);
        match recorded {
            _ if id == self.caller => CALLER.to_owned(),
            _ if id.is_empty() => "no span".to_owned(),
            None => "a span that is not in the trace".to_owned(),
            Some(index) => match self.owner(index) {
                Some(planned) => format!("`{}`", planned.label),
                None => format!("`{}`", self.recorded[index].name),
            },
        }
    }
}

/// What a root's parent is called.
const CALLER: &str = "the runner's request";

/// What the span alone shows.
fn faults_within(planned: &expected::Span, found: &Span) -> Vec<Fault> {
    let mut faults = Vec::new();
    if found.kind() != planned.kind {
        faults.push(Fault::Kind { found: found.kind(), expected: planned.kind });
    }
    let failed = found.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
    if failed != planned.failed {
        faults.push(if failed { Fault::Failed } else { Fault::NotFailed });
    }
    let attributes = kind_attributes(planned.kind).iter().chain(planned.attributes);
    faults.extend(attribute_faults("", attributes, &found.attributes));
    for event in planned.events {
        match found.events.iter().find(|found| found.name == event.name) {
            None => faults.push(Fault::MissingEvent { name: event.name }),
            Some(found) => {
                let of = format!("event `{}`: ", event.name);
                faults.extend(attribute_faults(&of, event.attributes, &found.attributes));
            }
        }
    }
    faults
}

fn attribute_faults<'a>(
    of: &str,
    planned: impl IntoIterator<Item = &'a Attribute>,
    found: &[KeyValue],
) -> impl Iterator<Item = Fault> {
    planned.into_iter().filter_map(move |&(key, expected)| {
        let of = of.to_owned();
        match otlp::attribute(found, key) {
            None => Some(Fault::MissingAttribute { of, key }),
            Some(found) if expected.matches(found) => None,
            Some(found) => {
                Some(Fault::Attribute { of, key, found: otlp::display(found), expected })
            }
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
        let problems = compare(planned(target), &CALLER.to_be_bytes(), &spans);
        problems.iter().map(ToString::to_string).collect()
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

//! Compares the spans that were recorded with the tree that was planned.

#[cfg(test)]
mod tests;

use super::{
    expected::{self, Attribute},
    otlp::{self, Attributes},
    problem::{Fault, Problem},
};

/// All differences between `recorded`, which is in order of start, and `planned`, whose root has
/// the parent `caller`.
pub(super) fn compare(
    planned: &expected::Span,
    caller: &str,
    recorded: &[otlp::Span],
) -> Vec<Problem> {
    let mut comparison = Comparison { caller, recorded, planned: Vec::new(), problems: Vec::new() };
    comparison.list(planned, None);
    comparison.name_twins_apart();
    comparison.match_where_planned();
    comparison.match_elsewhere();
    comparison.check_matches();
    comparison.check_order();
    comparison.report_leftovers();
    comparison.problems
}

struct Comparison<'a> {
    /// The span id that the runner sent; its span is in no trace.
    caller: &'a str,
    recorded: &'a [otlp::Span],
    /// The planned tree, parents before children.
    planned: Vec<Planned<'a>>,
    problems: Vec<Problem>,
}

struct Planned<'a> {
    span: &'a expected::Span,
    /// Index in `Comparison::planned`.
    parent: Option<usize>,
    /// The name, and which of several of that name.
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

    /// A chain of calls has the same names at every hop: `GET /api/chain`, `GET /api/chain #2`...
    fn name_twins_apart(&mut self) {
        for index in (0..self.planned.len()).rev() {
            let name = self.planned[index].span.name;
            let before =
                self.planned[..index].iter().filter(|other| other.span.name == name).count();
            if before > 0 {
                self.planned[index].label = format!("{name} #{}", before + 1);
            }
        }
    }

    /// First all that is in its place, so that nothing else can take it.
    fn match_where_planned(&mut self) {
        for index in 0..self.planned.len() {
            self.planned[index].found = self.find_where_planned(index);
        }
    }

    /// Then what has the right name under the wrong parent; what is below it is in its place again.
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
        self.find(|span| span.name == name && span.parent_id == parent_id)
    }

    /// The first recorded span that answers to this and belongs to none planned yet.
    fn find(&self, wanted: impl Fn(&otlp::Span) -> bool) -> Option<usize> {
        (0..self.recorded.len())
            .find(|&index| wanted(&self.recorded[index]) && self.owner(index).is_none())
    }

    fn owner(&self, recorded: usize) -> Option<&Planned<'a>> {
        self.planned.iter().find(|planned| planned.found == Some(recorded))
    }

    /// The id of the span that stands for the planned parent, if there is one.
    fn planned_parent_id(&self, index: usize) -> Option<&'a str> {
        match self.planned[index].parent {
            None => Some(self.caller),
            Some(parent) => {
                self.planned[parent].found.map(|found| self.recorded[found].id.as_str())
            }
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

    fn parent_fault(&self, index: usize, found: &otlp::Span) -> Option<Fault> {
        if self.planned_parent_id(index) == Some(&found.parent_id) {
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
                if second.start < first.start {
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

    fn name_of_parent(&self, span: &otlp::Span) -> String {
        let id = span.parent_id.as_str();
        let recorded = self.recorded.iter().position(|other| other.id == id);
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

/// What can be told from the span alone.
fn faults_within(planned: &expected::Span, found: &otlp::Span) -> Vec<Fault> {
    let mut faults = Vec::new();
    if found.kind != Some(planned.kind) {
        let kind = found.kind.map_or("unknown".to_owned(), |kind| format!("{kind:?}"));
        faults.push(Fault::Kind { found: kind, expected: planned.kind });
    }
    match (found.status.failed, planned.failed) {
        (true, false) => faults.push(Fault::Failed),
        (false, true) => faults.push(Fault::NotFailed),
        _ => {}
    }
    let attributes = planned.kind.attributes().iter().chain(planned.attributes);
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
    found: &Attributes,
) -> impl Iterator<Item = Fault> {
    planned.into_iter().filter_map(move |&(key, expected)| {
        let of = of.to_owned();
        match found.get(key) {
            None => Some(Fault::MissingAttribute { of, key }),
            Some(found) if expected.holds_for(found) => None,
            Some(found) => Some(Fault::Attribute { of, key, found: found.clone(), expected }),
        }
    })
}

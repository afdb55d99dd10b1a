//! Span trees as lines of text, which are easy to compare and to read.
//!
//! `KIND name [< parent] [status] key=value ...`, indented below its parent; an event is a line that
//! begins with `!`. The peer's address is left out: WASI hosts do not pass it to a component.

use otlp_receiver::{Attributes, ReceivedSpan, SpanKind, StatusCode, Value};

fn is_peer(key: &str, value: &Value) -> bool {
    match key {
        "network.peer.address" | "network.peer.port" => true,
        // Another value comes from a proxy.
        "client.address" => value.as_str() == Some("127.0.0.1"),
        _ => false,
    }
}

/// Attributes of every server span, unless its case gives them other values.
const COMMON: &str = "server.address=demo.test server.port=80 url.scheme=http";

/// The lines of a span and all below it.
pub(crate) fn tree(root: &ReceivedSpan, all: &[ReceivedSpan]) -> Vec<String> {
    let mut lines = Vec::new();
    branch(root, all, 0, &mut lines);
    lines
}

fn branch(span: &ReceivedSpan, all: &[ReceivedSpan], depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let mut line = format!("{indent}{} {}", kind(span.kind), span.name);
    if let (0, Some(parent)) = (depth, &span.parent_span_id) {
        line.push_str(&format!(" < {parent}"));
    }
    if !span.trace_state.is_empty() {
        line.push_str(&format!(" ({})", span.trace_state));
    }
    match span.status {
        StatusCode::Unset => {}
        status => line.push_str(&format!(" {status:?}({})", span.status_message)),
    }
    line.push_str(&attributes(&span.attributes));
    lines.push(line);
    for event in &span.events {
        lines.push(format!("{indent}! {}{}", event.name, attributes(&event.attributes)));
    }
    // In the order in which they ended: a host's clock can be too coarse to compare their starts.
    for child in all.iter().filter(|child| child.is_child_of(span)) {
        branch(child, all, depth + 1, lines);
    }
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Server => "SERVER",
        SpanKind::Client => "CLIENT",
        _ => "INTERNAL",
    }
}

fn attributes(attributes: &Attributes) -> String {
    let shown = attributes.iter().filter(|(key, value)| !is_peer(key, value));
    let shown: Vec<_> = shown.map(|(key, value)| format!(" {key}={}", text(value))).collect();
    shown.concat()
}

/// As text, without the lines and columns of source code.
fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.split_once(".rs:") {
        Some((file, _)) => format!("{file}.rs").replace('\n', " "),
        None => text,
    }
}

/// The lines that a case expects, with the [`COMMON`] attributes among its own in order of keys.
pub(crate) fn expand(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .map(|line| if line.starts_with("SERVER") { with_common(line) } else { line.clone() })
        .collect()
}

fn with_common(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let start = words.iter().position(|word| is_attribute(word)).unwrap_or(words.len());
    let (head, given) = words.split_at(start);
    // A value may contain spaces: a word that is not an attribute belongs to the one before it.
    let mut pairs: Vec<String> = Vec::new();
    let is_given = |key: &str| given.iter().any(|word| word.starts_with(key) && is_attribute(word));
    let common = COMMON
        .split(' ')
        .filter(|pair| pair.split_inclusive('=').next().is_none_or(|key| !is_given(key)));
    for word in given.iter().copied().chain(common) {
        match pairs.last_mut() {
            Some(last) if !is_attribute(word) => last.push_str(&format!(" {word}")),
            _ => pairs.push(word.to_owned()),
        }
    }
    if !pairs.iter().any(|pair| pair.starts_with("user_agent.original=")) {
        pairs.push("user_agent.original=test".to_owned());
    }
    pairs.sort_by(|a, b| a.split('=').next().cmp(&b.split('=').next()));
    format!("{} {}", head.join(" "), pairs.join(" "))
}

fn is_attribute(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(key, _)| key == "error" || key.contains('.') && !key.contains('('))
}

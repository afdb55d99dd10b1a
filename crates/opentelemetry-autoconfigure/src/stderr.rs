//! A record of `log` as a line on stderr, with the trace that it belongs to.

use std::fmt::Write as _;
use std::io::Write as _;

use log::Record;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

/// Prints the record behind `line`, which may hold the time.
pub fn print(mut line: String, record: &Record<'_>) {
    let (level, target, args) = (record.level(), record.target(), record.args());
    // Writing to a string does not fail.
    let _ = write!(line, "{level:<5} {target}: {args}");
    Context::map_current(|cx| {
        let span = cx.span();
        let context = span.span_context();
        if context.is_valid() {
            let (trace_id, span_id) = (context.trace_id(), context.span_id());
            let _ = write!(line, " trace_id={trace_id} span_id={span_id}");
        }
    });
    line.push('\n');
    // Nothing is left to tell it to when stderr is closed.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Makes stderr, and it alone, the logger of a component. Its host adds the time.
pub fn install(level: log::LevelFilter) {
    // There is no other: an instance runs this once.
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(level);
    }
}

struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        print(String::new(), record);
    }

    fn flush(&self) {}
}

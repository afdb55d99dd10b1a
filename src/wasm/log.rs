//! The `log` records of the handlers, to stderr, with the trace they belong to.

use log::{LevelFilter, Log, Metadata, Record};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

/// The instance's logger. The host adds the time.
pub(super) struct Logger;

impl Logger {
    pub(super) fn install(level: LevelFilter) {
        // There is no other: an instance runs this once.
        if log::set_logger(&Logger).is_ok() {
            log::set_max_level(level);
        }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let (level, target, args) = (record.level(), record.target(), record.args());
        let trace = Context::map_current(|cx| {
            let span = cx.span();
            let (trace, span) = (span.span_context().trace_id(), span.span_context().span_id());
            format!(" trace_id={trace} span_id={span}")
        });
        eprintln!("{level:<5} {target}: {args}{trace}");
    }

    fn flush(&self) {}
}

//! A logger for the `log` crate: lines on stderr with the trace that they belong to.

use std::fmt::Write as _;
use std::io::Write as _;

use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

type Filter = Box<dyn Fn(&Record<'_>) -> bool + Send + Sync>;

/// Prints records to stderr, one write per line, and forwards them to an exporter.
pub struct Logger {
    level: LevelFilter,
    filters: Vec<Filter>,
    prefix: Option<fn() -> String>,
    exporter: Option<Box<dyn Log>>,
}

impl Logger {
    /// A logger of the records up to a level.
    #[must_use]
    pub fn new(level: LevelFilter) -> Self {
        Self { level, filters: Vec::new(), prefix: None, exporter: None }
    }

    /// Restricts the records of these crates to warnings and errors, unless the level is `debug`
    /// or `trace`.
    #[must_use]
    pub fn quiet(self, crates: &'static [&'static str]) -> Self {
        self.filter(move |record| {
            let target = record.target().split("::").next().unwrap_or_default();
            record.level() <= Level::Warn || !crates.contains(&target)
        })
    }

    /// Drops the records for which the filter returns false, unless the level is `debug` or `trace`.
    #[must_use]
    pub fn filter(mut self, filter: impl Fn(&Record<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.filters.push(Box::new(filter));
        self
    }

    /// Begins each line with a text, such as a timestamp.
    #[must_use]
    pub fn with_prefix(mut self, prefix: fn() -> String) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// Forwards each record that is printed to another logger, such as the bridge to OpenTelemetry.
    #[must_use]
    pub fn with_exporter(mut self, exporter: impl Log + 'static) -> Self {
        self.exporter = Some(Box::new(exporter));
        self
    }

    /// Makes this the logger of the process.
    ///
    /// # Errors
    /// The process has a logger.
    pub fn install(self) -> Result<(), SetLoggerError> {
        let level = self.level;
        log::set_boxed_logger(Box::new(self))?;
        log::set_max_level(level);
        Ok(())
    }

    /// The whole line of a record. The newline is part of it, so that it is one write.
    fn line(&self, record: &Record<'_>) -> String {
        let mut line = self.prefix.map(|prefix| prefix() + " ").unwrap_or_default();
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
        line
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        let passes = || self.filters.iter().all(|filter| filter(record));
        if !self.enabled(record.metadata()) || self.level < LevelFilter::Debug && !passes() {
            return;
        }
        // Nothing is left to report to if stderr is closed.
        let _ = std::io::stderr().write_all(self.line(record).as_bytes());
        if let Some(exporter) = &self.exporter {
            exporter.log(record);
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    #[derive(Clone, Default)]
    struct Exported(Arc<Mutex<Vec<String>>>);

    impl Log for Exported {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            self.0.lock().expect("no panic").push(record.args().to_string());
        }
        fn flush(&self) {}
    }

    fn exported(logger: Logger, records: &[(&str, Level)]) -> Vec<String> {
        let exported = Exported::default();
        let logger = logger.with_exporter(exported.clone());
        for (target, level) in records {
            let text = format!("{target} {level}");
            logger.log(
                &Record::builder()
                    .target(target)
                    .level(*level)
                    .args(format_args!("{text}"))
                    .build(),
            );
        }
        let exported = exported.0.lock().expect("no panic");
        exported.clone()
    }

    #[test]
    fn a_level_and_quiet_crates_select_what_is_printed_and_exported() {
        let records = [
            ("app", Level::Info),
            ("h2::proto", Level::Info),
            ("h2", Level::Warn),
            ("h22", Level::Info),
            ("app", Level::Debug),
        ];
        let info = Logger::new(LevelFilter::Info).quiet(&["h2"]);
        assert_eq!(exported(info, &records), ["app INFO", "h2 WARN", "h22 INFO"]);
        let debug = Logger::new(LevelFilter::Debug).quiet(&["h2"]).filter(|_| false);
        assert_eq!(exported(debug, &records).len(), records.len());
        let off = Logger::new(LevelFilter::Off);
        assert!(exported(off, &[("app", Level::Error)]).is_empty());
    }

    #[test]
    fn a_filter_drops_single_records() {
        let filtered =
            Logger::new(LevelFilter::Info).filter(|record| record.target() != "rocket::server");
        let records = [("rocket::server", Level::Error), ("rocket", Level::Info)];
        assert_eq!(exported(filtered, &records), ["rocket INFO"]);
    }

    #[test]
    fn a_line_has_the_ids_of_the_current_span_and_ends_with_a_newline() {
        let logger = Logger::new(LevelFilter::Info).with_prefix(|| "12:00".to_owned());
        let line = || {
            logger.line(
                &Record::builder()
                    .target("app")
                    .level(Level::Warn)
                    .args(format_args!("hot"))
                    .build(),
            )
        };
        assert_eq!(line(), "12:00 WARN  app: hot\n");
        let (trace, span) = (TraceId::from(7), SpanId::from(8));
        let parent = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
        let _current = Context::new().with_remote_span_context(parent).attach();
        assert_eq!(line(), format!("12:00 WARN  app: hot trace_id={trace} span_id={span}\n"));
    }
}

//! The `log` records of the application and of Rocket: to stderr, with the trace they belong to,
//! and to the exporters of logs.

use std::time::SystemTime;

use log::{Level, LevelFilter, Log, Metadata, Record};
use opentelemetry_appender_log::OpenTelemetryLogBridge;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};

use super::stderr;
use super::timestamp::timestamp;

/// Libraries whose records below a warning are noise to who does not debug them.
const QUIET: [&str; 10] = [
    "rocket",
    "rocket_dyn_templates",
    "hyper",
    "hyper_util",
    "h2",
    "rustls",
    "tonic",
    "tower",
    "reqwest",
    "opentelemetry",
];

/// The process's logger.
pub(crate) struct Logger {
    level: LevelFilter,
    export: Option<OpenTelemetryLogBridge<SdkLoggerProvider, SdkLogger>>,
}

impl Logger {
    /// Rocket warns of every browser that closes a page with an event stream on it.
    fn is_farewell(&self, record: &Record<'_>) -> bool {
        self.level < LevelFilter::Debug
            && record.target() == "rocket::server"
            && record.level() == Level::Warn
            && record.args().to_string().starts_with("Connection failed")
    }

    pub(crate) fn new(level: LevelFilter, provider: Option<&SdkLoggerProvider>) -> Self {
        Self { level, export: provider.map(OpenTelemetryLogBridge::new) }
    }

    /// Makes this the process's logger. Rocket would install its own, but finds this one there.
    pub(crate) fn install(self) -> Result<(), log::SetLoggerError> {
        let level = self.level;
        log::set_boxed_logger(Box::new(self))?;
        log::set_max_level(level);
        Ok(())
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.level() > self.level {
            return false;
        }
        if self.level >= LevelFilter::Debug {
            return true;
        }
        let target = metadata.target();
        let quiet = QUIET.iter().any(|name| {
            target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
        // Rocket's targets that end in `_` are details below a line that was not printed, among
        // them an error for every unmatched path; and it tells its launch as a warning.
        let detail = target.ends_with('_') || target.starts_with("rocket::launch");
        !quiet || metadata.level() <= Level::Warn && !detail
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || self.is_farewell(record) {
            return;
        }
        let mut line = timestamp(SystemTime::now());
        line.push(' ');
        stderr::print(line, record);
        // It takes the ids from the current context too.
        if let Some(export) = &self.export {
            export.log(record);
        }
    }

    fn flush(&self) {}
}

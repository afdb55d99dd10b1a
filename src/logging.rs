//! Rocket's log records, reduced to those that say something to an operator.

use log::{Level, Record};
use opentelemetry_autoconfigure::Logger;

/// Restricts the records of Rocket, unless the level is `debug` or `trace`.
pub(crate) fn without_rocket_details(logger: Logger) -> Logger {
    logger.quiet(&["rocket", "rocket_dyn_templates"]).filter(|record| !is_detail(record))
}

fn is_detail(record: &Record<'_>) -> bool {
    let target = record.target();
    // Targets that end in `_` are details below a line that is not printed, among them an error for
    // each unmatched path. Rocket reports its launch at the level of a warning.
    target.starts_with("rocket") && target.ends_with('_')
        || target.starts_with("rocket::launch")
        || is_closed_page(record)
}

/// Rocket warns of each browser that closes a page with an event stream.
fn is_closed_page(record: &Record<'_>) -> bool {
    record.target() == "rocket::server"
        && record.level() == Level::Warn
        && record.args().to_string().starts_with("Connection failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_of_rocket_are_dropped_and_errors_stay() {
        for (target, level, text, expected) in [
            ("rocket::server_", Level::Error, "No matching routes", true),
            ("rocket::launch", Level::Warn, "Rocket has launched", true),
            ("rocket::launch_", Level::Warn, "port: 8000", true),
            ("rocket::server", Level::Warn, "Connection failed. Closed.", true),
            ("rocket::server", Level::Error, "A handler has panicked.", false),
            ("application_", Level::Info, "Connection failed", false),
        ] {
            let record = format_args!("{text}");
            let record = Record::builder().target(target).level(level).args(record).build();
            assert_eq!(is_detail(&record), expected, "{target} {level} {text}");
        }
    }
}

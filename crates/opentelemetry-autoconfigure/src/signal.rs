//! The three signals.

use std::fmt;

use serde::Serialize;

/// A signal of OpenTelemetry. Its text form is `traces`, `metrics` or `logs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Traces => ["traces", "TRACES", "/v1/traces"],
            Self::Metrics => ["metrics", "METRICS", "/v1/metrics"],
            Self::Logs => ["logs", "LOGS", "/v1/logs"],
        }
    }

    /// The signal's part of a variable's name, such as `TRACES`.
    #[must_use]
    pub const fn in_variables(self) -> &'static str {
        self.names()[1]
    }

    /// The path below an OTLP/HTTP base URL, such as `/v1/traces`.
    #[must_use]
    pub const fn http_path(self) -> &'static str {
        self.names()[2]
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names()[0])
    }
}

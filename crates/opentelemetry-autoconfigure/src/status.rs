//! How an exporter fares, as the page and the last lines of the log tell it.

use serde::Serialize;

/// An exporter's condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing has been exported yet.
    #[default]
    Idle,
    /// The last export went well.
    Ok,
    /// The last export failed.
    Failing,
    /// The signal has no exporter.
    Off,
}

/// A snapshot of an exporter.
#[derive(Clone, Debug, Serialize)]
pub struct ExporterStatus {
    /// `traces`, `metrics` or `logs`.
    pub signal: &'static str,
    /// `otlp`, `console` or `none`.
    pub exporter: &'static str,
    /// Where it exports to.
    pub target: Option<String>,
    /// How the last export went.
    pub state: State,
    /// What went wrong, if it did.
    pub detail: Option<String>,
    /// Items that a backend took: spans, log records, or exports of metrics.
    pub exported: u64,
    /// Items that no backend took or will take.
    pub dropped: u64,
}

impl ExporterStatus {
    /// A signal that goes nowhere.
    #[must_use]
    pub fn off(signal: &'static str) -> Self {
        Self { state: State::Off, ..Self::idle(signal, "none", None) }
    }

    /// An exporter that has had nothing to do so far.
    #[must_use]
    pub fn idle(signal: &'static str, exporter: &'static str, target: Option<String>) -> Self {
        Self { signal, exporter, target, state: State::Idle, detail: None, exported: 0, dropped: 0 }
    }
}

//! The statistics of each exporter: what it exported, what was lost and why.
//!
//! An outage is one log line when it begins and one when it ends, whatever number of exports fail.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::lock;
use super::otlp::{Endpoint, OtlpConfig, Protocol};
use super::retry::{ExportError, FailureKind};
use super::signal::Signal;

/// The condition of an exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing has been exported yet.
    #[default]
    Idle,
    /// The last export succeeded.
    Ok,
    /// The last export failed.
    Failing,
    /// The signal has no exporter.
    Off,
}

/// A snapshot of an exporter.
#[derive(Clone, Debug, Serialize)]
pub struct ExporterStatus {
    /// The signal.
    pub signal: Signal,
    /// `otlp`, `console` or `none`.
    pub exporter: &'static str,
    /// The address and protocol, without credentials; `None` unless the exporter is `otlp`.
    pub target: Option<String>,
    /// The result of the last export.
    pub state: State,
    /// The cause of the last failure.
    pub detail: Option<String>,
    /// Items that a backend accepted: spans, log records, or exports of metrics.
    pub exported: u64,
    /// Items that no backend accepted or will accept.
    pub dropped: u64,
}

impl ExporterStatus {
    /// A signal without an exporter.
    #[must_use]
    pub fn off(signal: Signal) -> Self {
        ExporterStats::new(signal, Destination::None).status()
    }
}

/// Where an exporter exports to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A collector.
    Otlp(Protocol, Endpoint),
    /// Standard output.
    Console,
    /// Nowhere: the signal has no exporter.
    None,
}

impl Destination {
    /// The collector that an OTLP exporter exports to.
    #[must_use]
    pub fn otlp(config: &OtlpConfig) -> Self {
        Self::Otlp(config.protocol, config.endpoint.clone())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Otlp(_, endpoint) => endpoint.fmt(f),
            Self::Console => f.write_str("standard output"),
            Self::None => f.write_str("none"),
        }
    }
}

/// Why items were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The queue was full.
    QueueFull,
    /// They ended after the shutdown.
    AlreadyShutdown,
    /// Their export failed, or was not finished before the shutdown.
    ExportFailed,
    /// The backend accepted the export, but not these items.
    Rejected,
}

/// What a backend rejected of an export that it accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// The number of items.
    pub count: u64,
    /// The backend's reason.
    pub message: String,
}

/// The statistics of one exporter.
#[derive(Debug)]
pub struct ExporterStats {
    signal: Signal,
    pub(crate) destination: Destination,
    /// Items that were given to a processor of the SDK's, which does not count its drops.
    offered: AtomicU64,
    exported: AtomicU64,
    dropped: [AtomicU64; 4],
    condition: Mutex<Condition>,
}

#[derive(Debug, Default)]
struct Condition {
    state: State,
    detail: Option<String>,
    outage: Option<Outage>,
    /// The drops before the last success: an outage is noticed later than it begins.
    dropped_before: u64,
    /// The time of the first partial rejection in a row, and the items rejected before it.
    rejecting: Option<(Instant, u64)>,
}

/// A row of failures.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: Instant,
    is_logged: bool,
}

impl ExporterStats {
    /// The statistics of an exporter that has not exported anything.
    #[must_use]
    pub fn new(signal: Signal, destination: Destination) -> Self {
        Self {
            signal,
            destination,
            offered: AtomicU64::new(0),
            exported: AtomicU64::new(0),
            dropped: Default::default(),
            condition: Mutex::default(),
        }
    }

    /// Records that a backend accepted `count` items, except those that it rejected.
    pub fn accepted(&self, count: u64, rejected: Option<&Rejected>) {
        let lost = rejected.map_or(0, |rejected| rejected.count.min(count));
        let rejected_before = self.dropped_for(DropReason::Rejected);
        self.dropped(DropReason::Rejected, lost);
        self.exported.fetch_add(count - lost, Ordering::Relaxed);

        let mut condition = lock(&self.condition);
        let rejecting = condition.rejecting;
        let now = Condition {
            state: State::Ok,
            dropped_before: self.dropped_count(),
            rejecting: rejected.map(|_| rejecting.unwrap_or((Instant::now(), rejected_before))),
            ..Condition::default()
        };
        let dropped = now.dropped_before - condition.dropped_before;
        let before = std::mem::replace(&mut *condition, now);
        // Reading the status does not wait for the log.
        drop(condition);

        let Self { signal, destination, .. } = self;
        if let Some(Outage { since, is_logged: true }) = before.outage {
            let seconds = seconds(since.elapsed());
            log::info!(
                "{signal}: export to {destination} works again after {seconds} s; \
                 {dropped} lost meanwhile"
            );
        }
        match (rejected, rejecting) {
            (Some(Rejected { message, .. }), None) => log::warn!(
                "{signal}: {destination} rejected {lost} of {count} ({message:?}). \
                 Further rejections are counted, not logged."
            ),
            (None, Some((since, before))) => {
                let seconds = seconds(since.elapsed());
                let rejected = self.dropped_for(DropReason::Rejected) - before;
                log::info!(
                    "{signal}: {destination} accepts everything again after {seconds} s; \
                     {rejected} rejected meanwhile"
                );
            }
            _ => {}
        }
    }

    /// Records a failed export. Its items may be exported later: [`dropped`](Self::dropped) counts
    /// those that will not.
    ///
    /// The first failure in a row is logged if it is final, the second in any case: a retry may
    /// end a short interruption.
    pub fn failed(&self, error: &ExportError) {
        let mut condition = lock(&self.condition);
        condition.state = State::Failing;
        condition.detail = Some(error.message.clone());
        let logs = match &mut condition.outage {
            Some(outage) => !std::mem::replace(&mut outage.is_logged, true),
            outage @ None => {
                let is_logged = error.is_final();
                *outage = Some(Outage { since: Instant::now(), is_logged });
                is_logged
            }
        };
        drop(condition);
        if logs {
            let (signal, destination) = (self.signal, &self.destination);
            let advice = self.advice(error.kind);
            log::warn!("{signal}: cannot export to {destination} ({error}); {advice}");
        }
    }

    fn advice(&self, kind: FailureKind) -> String {
        let (signal, variables) = (self.signal, self.signal.in_variables());
        let none = format!("set OTEL_{variables}_EXPORTER=none.");
        let doubled_path = matches!(&self.destination, Destination::Otlp(_, to) if to.doubled_path);
        match kind {
            FailureKind::Unsupported if doubled_path => format!(
                "{} was appended to OTEL_EXPORTER_OTLP_ENDPOINT, which is a base URL. Remove the \
                 path from it, or set OTEL_EXPORTER_OTLP_{variables}_ENDPOINT.",
                signal.http_path()
            ),
            FailureKind::Unsupported => {
                format!("the backend does not accept {signal}. Set OTEL_{variables}_EXPORTER=none.")
            }
            FailureKind::Refused => format!("dropping what it refuses. Solve the cause, or {none}"),
            _ => format!("retrying. Start a collector there, or {none}"),
        }
    }

    /// Counts items that are given to a processor of the SDK's.
    pub fn offered(&self, count: u64) {
        self.offered.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts items that are lost.
    pub fn dropped(&self, reason: DropReason, count: u64) {
        self.dropped[reason as usize].fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize].load(Ordering::Relaxed)
    }

    fn dropped_count(&self) -> u64 {
        self.dropped.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// A snapshot.
    #[must_use]
    pub fn status(&self) -> ExporterStatus {
        let (exporter, target) = match &self.destination {
            Destination::Otlp(protocol, endpoint) => {
                ("otlp", Some(format!("{endpoint} ({protocol})")))
            }
            Destination::Console => ("console", None),
            Destination::None => ("none", None),
        };
        let condition = lock(&self.condition);
        ExporterStatus {
            signal: self.signal,
            exporter,
            target,
            state: if exporter == "none" { State::Off } else { condition.state },
            detail: condition.detail.clone(),
            exported: self.exported.load(Ordering::Relaxed),
            dropped: self.dropped_count(),
        }
    }
}

/// What only processors and their metrics need.
#[cfg(feature = "sdk")]
impl ExporterStats {
    /// The items that a backend accepted.
    pub(crate) fn exported(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    /// After the shutdown: counts as lost what was offered and neither exported nor dropped.
    pub(crate) fn settle(&self) {
        let offered = self.offered.load(Ordering::Relaxed);
        self.abandoned(offered.saturating_sub(self.exported() + self.dropped_count()));
    }

    /// Counts items that the shutdown does not wait for.
    pub(crate) fn abandoned(&self, count: u64) {
        if count == 0 {
            return;
        }
        self.dropped(DropReason::ExportFailed, count);
        let mut condition = lock(&self.condition);
        condition.state = State::Failing;
        condition.detail.get_or_insert_with(|| "queue full, or no answer in time".to_owned());
    }
}

/// Seconds to a tenth. In integers: formatting a float is 5 KiB of code in the component.
fn seconds(time: Duration) -> String {
    format!("{}.{}", time.as_secs(), time.subsec_millis() / 100)
}

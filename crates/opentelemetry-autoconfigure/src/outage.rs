//! How each exporter fares: counts of what went out and what was lost, and one log line when an
//! outage begins and one when it ends, never one a batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::partial::Rejected;
use super::status::{ExporterStatus, State};

/// Why items were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// There was no room for them.
    QueueFull,
    /// They ended after the shutdown.
    AlreadyShutdown,
    /// Their export failed for good, or there was no more time for it.
    Failed,
    /// The backend took the export, but not them.
    Rejected,
}

impl Loss {
    /// `error.type`, as the semantic conventions name it where they do.
    pub(crate) fn error_type(self) -> &'static str {
        match self {
            Loss::QueueFull => "queue_full",
            Loss::AlreadyShutdown => "already_shutdown",
            Loss::Failed => "export_failed",
            Loss::Rejected => "rejected",
        }
    }
}

/// The condition of one exporter of one signal.
#[derive(Debug)]
pub(crate) struct Health {
    signal: &'static str,
    exporter: &'static str,
    target: Option<String>,
    /// Items that were to be exported, where that is not known otherwise.
    offered: AtomicU64,
    exported: AtomicU64,
    lost: [AtomicU64; 4],
    condition: Mutex<Condition>,
}

#[derive(Debug)]
struct Condition {
    state: State,
    detail: Option<String>,
    /// The beginning of the outage.
    outage: Option<Instant>,
    /// What was lost when an export last went well: an outage is noticed later than it begins.
    lost_before: u64,
    /// When the backend began to reject some of each export, and what it had rejected before.
    rejecting: Option<(Instant, u64)>,
}

impl Health {
    pub(crate) fn new(
        signal: &'static str,
        exporter: &'static str,
        target: Option<String>,
    ) -> Self {
        Self {
            signal,
            exporter,
            target,
            offered: AtomicU64::new(0),
            exported: AtomicU64::new(0),
            lost: Default::default(),
            condition: Mutex::new(Condition {
                state: State::Idle,
                detail: None,
                outage: None,
                lost_before: 0,
                rejecting: None,
            }),
        }
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> &str {
        self.target.as_deref().unwrap_or("standard output")
    }

    /// `count` items are to be exported.
    pub(crate) fn offered(&self, count: u64) {
        self.offered.fetch_add(count, Ordering::Relaxed);
    }

    /// After the shutdown: what was offered and has no end yet has none any more.
    pub(crate) fn settle(&self) {
        let offered = self.offered.load(Ordering::Relaxed);
        self.gave_up(offered.saturating_sub(self.exported_count() + self.all_losses()));
    }

    /// `count` items will not be exported, for the end has come.
    pub(crate) fn gave_up(&self, count: u64) {
        if count == 0 {
            return;
        }
        self.dropped(Loss::Failed, count);
        let mut condition = self.condition();
        condition.state = State::Failing;
        condition.detail.get_or_insert_with(|| "no room for them, or no answer in time".to_owned());
    }

    /// A backend took an export of `count` items, but for those it rejected.
    pub(crate) fn took(&self, count: u64, rejected: Option<&Rejected>) {
        let lost = rejected.map_or(0, |rejected| rejected.count.min(count));
        let before = self.lost(Loss::Rejected);
        self.dropped(Loss::Rejected, lost);
        self.exported(count - lost);
        let mut condition = self.condition();
        let since = condition.rejecting;
        if rejected.is_some() == since.is_some() {
            return;
        }
        condition.rejecting = rejected.map(|_| (Instant::now(), before));
        // Nobody who asks for the status has to wait for the log.
        drop(condition);
        let (signal, place) = (self.signal, self.place());
        if let Some(Rejected { message, .. }) = rejected {
            log::warn!(
                "{signal}: {place} rejected {lost} of an export: {message}; counting on in silence"
            );
        } else if let Some((since, before)) = since {
            let seconds = since.elapsed().as_secs_f64();
            let lost = self.lost(Loss::Rejected) - before;
            log::info!(
                "{signal}: {place} rejects nothing any more after {seconds:.1} s; \
                 {lost} rejected meanwhile"
            );
        }
    }

    /// `count` items were taken.
    fn exported(&self, count: u64) {
        self.exported.fetch_add(count, Ordering::Relaxed);
        let mut condition = self.condition();
        condition.state = State::Ok;
        condition.detail = None;
        let lost = self.all_losses();
        let before = std::mem::replace(&mut condition.lost_before, lost);
        let Some(since) = condition.outage.take() else {
            return;
        };
        drop(condition);
        let lost = lost - before;
        let seconds = since.elapsed().as_secs_f64();
        let (signal, place) = (self.signal, self.place());
        log::info!(
            "{signal}: export to {place} works again after {seconds:.1} s; {lost} lost meanwhile"
        );
    }

    /// An export failed. What it held may still be sent again: `dropped` counts what will not.
    pub(crate) fn failed(&self, error: &str) {
        let error = readable(error);
        let mut condition = self.condition();
        condition.state = State::Failing;
        condition.detail = Some(error.to_owned());
        if condition.outage.is_some() {
            return;
        }
        condition.outage = Some(Instant::now());
        drop(condition);
        let (signal, place) = (self.signal, self.place());
        let variable = format!("OTEL_{}_EXPORTER", signal.to_ascii_uppercase());
        // What a backend without this signal answers by gRPC and by HTTP.
        let not_taken = error.contains("Unimplemented") || error.ends_with("status code: 404");
        let advice = if not_taken {
            format!("it takes no {signal}: {variable}=none would save the trying")
        } else {
            format!("trying on in silence; is a collector there? {variable}=none turns it off")
        };
        log::warn!("{signal}: cannot export to {place}: {error}; {advice}");
    }

    /// `count` items are lost for good.
    pub(crate) fn dropped(&self, loss: Loss, count: u64) {
        self.lost[loss as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// Items lost for this reason.
    pub(crate) fn lost(&self, loss: Loss) -> u64 {
        self.lost[loss as usize].load(Ordering::Relaxed)
    }

    /// Items that reached the exporter, but no backend.
    pub(crate) fn export_losses(&self) -> u64 {
        self.lost(Loss::Failed) + self.lost(Loss::Rejected)
    }

    fn all_losses(&self) -> u64 {
        self.lost(Loss::QueueFull) + self.lost(Loss::AlreadyShutdown) + self.export_losses()
    }

    /// Items that a backend took.
    pub(crate) fn exported_count(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    /// `otel.component.type` of the exporter of spans.
    pub(crate) fn component_type(&self) -> &'static str {
        match &self.target {
            None => "stdout_span_exporter",
            Some(target) if target.ends_with("(grpc)") => "otlp_grpc_span_exporter",
            Some(_) => "otlp_http_span_exporter",
        }
    }

    pub(crate) fn status(&self) -> ExporterStatus {
        let condition = self.condition();
        ExporterStatus {
            signal: self.signal,
            exporter: self.exporter,
            target: self.target.clone(),
            state: condition.state,
            detail: condition.detail.clone(),
            exported: self.exported_count(),
            dropped: self.all_losses(),
        }
    }
}

/// The part of an exporter's error that tells a person something: the gRPC code and its cause.
fn readable(error: &str) -> &str {
    let code = error.split_once("gRPC code: ").map_or(error, |(_, code)| code);
    code.strip_prefix("Operation failed: ").unwrap_or(code)
}

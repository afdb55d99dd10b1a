//! What arrived, and how to wait for it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::behaviour::Behaviour;
use super::counting::Counts;
use super::data::{ReceivedLog, ReceivedMetric, ReceivedSpan};
use super::export::Export;
use super::signal::{Signal, Transport};

/// Everything that a receiver has seen.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Every request, accepted or not.
    pub requests: Vec<ReceivedRequest>,
    /// The spans of accepted requests.
    pub spans: Vec<ReceivedSpan>,
    /// The metrics of accepted requests: one entry per name and export.
    pub metrics: Vec<ReceivedMetric>,
    /// The log records of accepted requests.
    pub logs: Vec<ReceivedLog>,
    /// What a counting receiver has instead of spans.
    pub counts: Counts,
    /// The number of accepted TCP connections.
    pub connections: usize,
    /// Why TLS handshakes failed.
    pub handshake_failures: Vec<String>,
    /// Why request bodies were invalid: a bug in the exporter, or in this receiver.
    pub malformed: Vec<String>,
}

/// A request as it arrived.
#[derive(Clone)]
pub struct ReceivedRequest {
    /// `None` for a path that belongs to no signal: the endpoint is wrong.
    pub signal: Option<Signal>,
    /// Protocol and encoding.
    pub transport: Transport,
    /// The path of the URL.
    pub path: String,
    /// Headers or gRPC metadata. Names are in lower case; repeated values are joined by a comma.
    pub headers: BTreeMap<String, String>,
    /// How the receiver answers it.
    pub behaviour: Behaviour,
    /// The number of its connection, from 1.
    pub connection: usize,
    /// When it arrived.
    pub at: Instant,
}

impl ReceivedRequest {
    /// A header or metadata value, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, path, behaviour, connection, .. } = self;
        write!(f, "{transport:?} {path} on connection {connection}: {behaviour:?}, ")?;
        // One line per request even in `{:#?}`, which prints a map with one line per header.
        write!(f, "headers {:?}", format_args!("{:?}", self.headers))
    }
}

impl Received {
    /// The requests of one signal.
    pub fn of(&self, signal: Signal) -> impl Iterator<Item = &ReceivedRequest> {
        self.requests.iter().filter(move |request| request.signal == Some(signal))
    }

    /// The latest export of one metric.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&ReceivedMetric> {
        self.metrics.iter().rev().find(|metric| metric.name == name)
    }

    pub(crate) fn keep(&mut self, export: Export) {
        match export {
            Export::Spans(spans) => self.spans.extend(spans),
            Export::Metrics(metrics) => self.metrics.extend(metrics),
            Export::Logs(logs) => self.logs.extend(logs),
            Export::Counted(counts) => self.counts.add(counts),
        }
    }

    /// The totals on one line, then one line per item.
    pub(crate) fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, spans, metrics, logs, connections, .. } = self;
        write!(
            f,
            "{connections} connections, {} requests, {} spans, {} metrics, {} log records",
            requests.len(),
            spans.len(),
            metrics.len(),
            logs.len(),
        )?;
        for request in requests {
            write!(f, "\n  request {request:?}")?;
        }
        for span in spans {
            write!(f, "\n  span    {:?} {}", span.kind, span.name)?;
        }
        for metric in metrics {
            write!(f, "\n  metric  {} ({} points)", metric.name, metric.points.len())?;
        }
        for log in logs {
            write!(f, "\n  log     {} {:?}", log.severity_text, log.body)?;
        }
        for failure in &self.handshake_failures {
            write!(f, "\n  failed handshake: {failure}")?;
        }
        for failure in &self.malformed {
            write!(f, "\n  malformed request: {failure}")?;
        }
        Ok(())
    }
}

/// The state that a receiver shares with its thread.
#[derive(Default)]
pub(crate) struct Inbox {
    /// Whether to count spans instead of decoding them.
    pub(crate) counting: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    received: Received,
    standing: BTreeMap<Signal, Behaviour>,
    queued: BTreeMap<Signal, VecDeque<Behaviour>>,
}

impl Inbox {
    pub(crate) fn counting() -> Self {
        Self { counting: true, ..Self::default() }
    }

    pub(crate) fn set(&self, signal: Signal, behaviour: Behaviour) {
        let mut state = self.lock();
        state.queued.remove(&signal);
        state.standing.insert(signal, behaviour);
    }

    pub(crate) fn queue(&self, signal: Signal, behaviour: Behaviour) {
        self.lock().queued.entry(signal).or_default().push_back(behaviour);
    }

    /// Decides how to answer the next request of this signal.
    pub(crate) fn behaviour(&self, signal: Signal) -> Behaviour {
        let mut state = self.lock();
        let queued = state.queued.get_mut(&signal).and_then(VecDeque::pop_front);
        queued.unwrap_or_else(|| state.standing.get(&signal).cloned().unwrap_or_default())
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Received) -> T) -> T {
        read(&self.lock().received)
    }

    /// Changes what was received, and wakes those that wait for it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Received) -> T) -> T {
        let result = change(&mut self.lock().received);
        self.changed.notify_all();
        result
    }

    /// Blocks until `find` returns something, or until the timeout.
    pub(crate) fn wait<T>(
        &self,
        timeout: Duration,
        mut find: impl FnMut(&Received) -> Option<T>,
    ) -> Option<T> {
        let mut result = None;
        let _state = self.changed.wait_timeout_while(self.lock(), timeout, |state| {
            result = find(&state.received);
            result.is_none()
        });
        result
    }

    /// A failed assertion in a closure poisons the lock, but leaves the data whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

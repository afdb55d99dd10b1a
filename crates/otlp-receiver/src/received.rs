//! What arrived, and how to wait for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::behaviour::Behaviour;
use super::counting::Counts;
use super::data::{ReceivedLog, ReceivedMetric, ReceivedSpan};
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
#[derive(Clone, Debug)]
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
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl Received {
    /// The requests of one signal.
    pub fn of(&self, signal: Signal) -> impl Iterator<Item = &ReceivedRequest> {
        self.requests.iter().filter(move |request| request.signal == Some(signal))
    }

    /// The latest export of one metric.
    pub fn metric(&self, name: &str) -> Option<&ReceivedMetric> {
        self.metrics.iter().rev().find(|metric| metric.name == name)
    }

    /// Adds the data of an accepted request.
    pub(crate) fn keep(&mut self, export: Self) {
        self.spans.extend(export.spans);
        self.metrics.extend(export.metrics);
        self.logs.extend(export.logs);
        self.counts.add(export.counts);
    }

    /// One line per item.
    pub(crate) fn summary(&self) -> String {
        let mut lines = vec![format!("{} connections", self.connections)];
        lines.extend(self.requests.iter().map(|request| format!("{request:?}")));
        lines.extend(self.spans.iter().map(|span| format!("span {:?} {}", span.kind, span.name)));
        lines.extend(self.metrics.iter().map(|metric| format!("metric {}", metric.name)));
        lines.extend(self.logs.iter().map(|log| format!("log {} {}", log.severity_text, log.body)));
        lines.extend(self.handshake_failures.iter().map(|why| format!("failed handshake: {why}")));
        lines.extend(self.malformed.iter().map(|why| format!("malformed request: {why}")));
        lines.join("\n  ")
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
    /// By signal: what is set, and what is queued before it.
    behaviours: [(Behaviour, VecDeque<Behaviour>); 3],
}

impl Inbox {
    pub(crate) fn counting() -> Self {
        Self { counting: true, ..Self::default() }
    }

    pub(crate) fn set(&self, signal: Signal, behaviour: Behaviour) {
        self.lock().behaviours[signal as usize] = (behaviour, VecDeque::new());
    }

    pub(crate) fn queue(&self, signal: Signal, behaviour: Behaviour) {
        self.lock().behaviours[signal as usize].1.push_back(behaviour);
    }

    /// Decides how to answer the next request of this signal.
    pub(crate) fn behaviour(&self, signal: Signal) -> Behaviour {
        let (set, queued) = &mut self.lock().behaviours[signal as usize];
        queued.pop_front().unwrap_or_else(|| set.clone())
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

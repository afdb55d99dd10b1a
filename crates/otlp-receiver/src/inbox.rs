//! What came, and how to wait for it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::behaviour::Behaviour;
use super::log::ReceivedLog;
use super::metric::ReceivedMetric;
use super::signal::{Signal, Transport};
use super::span::ReceivedSpan;

/// Everything a receiver has seen.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub requests: Vec<ReceivedRequest>,
    pub spans: Vec<ReceivedSpan>,
    pub metrics: Vec<ReceivedMetric>,
    pub logs: Vec<ReceivedLog>,
    /// How many TCP connections were accepted.
    pub connections: usize,
    /// Why TLS handshakes failed.
    pub handshake_failures: Vec<String>,
    /// Why request bodies could not be read: a fault in the exporter, or in this receiver.
    pub malformed: Vec<String>,
}

/// A request, as it looked when it came.
#[derive(Clone)]
pub struct ReceivedRequest {
    /// `None` for a path that belongs to no signal: a wrong endpoint.
    pub signal: Option<Signal>,
    pub transport: Transport,
    pub path: String,
    /// Headers or gRPC metadata; names in lower case, several values joined by a comma.
    pub headers: BTreeMap<String, String>,
    /// What the receiver set out to do with it.
    pub behaviour: Behaviour,
    /// The number of its connection, from 1.
    pub connection: usize,
    /// When it came.
    pub at: Instant,
}

impl ReceivedRequest {
    /// One header or metadata value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, path, behaviour, connection, .. } = self;
        write!(f, "{transport:?} {path} on connection {connection}: {behaviour:?}, ")?;
        // One line a request, even in `{:#?}`, where a map would take a line a header.
        write!(f, "headers {:?}", format_args!("{:?}", self.headers))
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

    /// The counts on one line, then a line an item.
    pub fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// The shared state of a receiver.
#[derive(Default)]
pub struct Inbox {
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
    pub fn set(&self, signal: Signal, behaviour: Behaviour) {
        let mut state = self.lock();
        state.queued.remove(&signal);
        state.standing.insert(signal, behaviour);
    }

    pub fn queue(&self, signal: Signal, behaviour: Behaviour) {
        self.lock().queued.entry(signal).or_default().push_back(behaviour);
    }

    /// Decides how a request of this signal is answered.
    pub fn behaviour(&self, signal: Signal) -> Behaviour {
        let mut state = self.lock();
        let queued = state.queued.get_mut(&signal).and_then(VecDeque::pop_front);
        queued.unwrap_or_else(|| state.standing.get(&signal).cloned().unwrap_or_default())
    }

    pub fn clear(&self) {
        self.change(|received| *received = Received::default());
    }

    pub fn read<T>(&self, read: impl FnOnce(&Received) -> T) -> T {
        read(&self.lock().received)
    }

    /// Changes what was received, and wakes whoever waits for it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Received) -> T) -> T {
        let result = change(&mut self.lock().received);
        self.changed.notify_all();
        result
    }

    /// Blocks until `found` finds something, or the time is over.
    pub fn wait<T>(
        &self,
        timeout: Duration,
        mut found: impl FnMut(&Received) -> Option<T>,
    ) -> Option<T> {
        let mut result = None;
        let (_state, _timed_out) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |state| {
                result = found(&state.received);
                result.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        result
    }

    /// A failed assertion in a closure poisons the lock; the data behind it is whole all the same.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

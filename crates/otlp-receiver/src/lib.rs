//! An OTLP receiver for tests and benchmarks: gRPC and HTTP on one loopback port, with the faults of a collector.
//!
//! ```
//! use otlp_receiver::{Behaviour, Receiver, Signal};
//!
//! let receiver = Receiver::start();
//! // Point OTEL_EXPORTER_OTLP_ENDPOINT at it, run the application, flush it, then look:
//! // let spans = receiver.wait_for_spans(2, Duration::from_secs(5));
//! // assert_eq!(spans[0].attributes["http.route"], "/users/<id>");
//! println!("OTEL_EXPORTER_OTLP_ENDPOINT={}", receiver.endpoint());
//!
//! receiver.set(Behaviour::Unavailable); // every signal
//! receiver.set_for(Signal::Metrics, Behaviour::Unimplemented); // as Jaeger answers
//! receiver.next(Signal::Traces, Behaviour::Hang); // one request, then as set
//! receiver.stop(); // cuts connections, then refuses them
//! receiver.restart(); // on the same port
//! ```
//!
//! The receiver has its own thread and runtime, so a test may block the application's. The waits block too: on a
//! current-thread runtime, the exporter does not run in the meantime.
//!
//! # Layout
//! `server` is the socket and its thread, `export` answers one request as `behaviour` says. `received` is what
//! arrived and how to wait for it, `data` the spans, metrics and log records, `counting` their totals for a
//! benchmark. `signal` is signals and transports, `tls` certificates.

#![allow(missing_docs, reason = "a field that OpenTelemetry names needs no second description")]
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test's fixture panics where it cannot go on"
)]

mod behaviour;
mod counting;
mod data;
mod export;
mod received;
mod server;
mod signal;
mod tls;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use behaviour::Behaviour;
pub use counting::Counts;
pub use data::{
    Attributes, HistogramDataPoint, MetricKind, Point, ReceivedEvent, ReceivedLink, ReceivedLog,
    ReceivedMetric, ReceivedSpan, SeverityNumber, SpanKind, StatusCode, Temporality, Value,
};
pub use received::{Received, ReceivedRequest};
pub use signal::{Signal, Transport};
pub use tls::{Pki, TlsMode};

use received::Inbox;
use server::Port;

/// An OTLP receiver on `127.0.0.1`, until it is dropped.
pub struct Receiver {
    address: SocketAddr,
    pki: Option<Pki>,
    inbox: Arc<Inbox>,
    port: Mutex<Port>,
}

impl Receiver {
    /// Listens on a free port, without TLS.
    pub fn start() -> Self {
        Self::new(None, Inbox::default())
    }

    /// Listens with TLS, under a certificate authority of its own: see [`Receiver::pki`].
    pub fn start_tls(mode: TlsMode) -> Self {
        Self::new(Some(Pki::new(mode)), Inbox::default())
    }

    /// Counts spans instead of decoding and keeping them: see [`Receiver::counts`].
    pub fn start_counting() -> Self {
        Self::new(None, Inbox::counting())
    }

    fn new(pki: Option<Pki>, inbox: Inbox) -> Self {
        let inbox = Arc::new(inbox);
        let acceptor = pki.as_ref().map(Pki::acceptor);
        let port = Port::open(acceptor, Arc::clone(&inbox));
        Self { address: port.address, pki, inbox, port: Mutex::new(port) }
    }

    /// The base URL, for `OTEL_EXPORTER_OTLP_ENDPOINT`; the same for gRPC and HTTP.
    pub fn endpoint(&self) -> String {
        let scheme = if self.pki.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The address that it listens on, or listened on before [`Receiver::stop`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The PEM files for a client.
    ///
    /// # Panics
    /// If the receiver has no TLS.
    pub fn pki(&self) -> &Pki {
        self.pki.as_ref().expect("the receiver has TLS")
    }

    /// Sets the behaviour for every signal, and drops what [`Receiver::next`] queued.
    pub fn set(&self, behaviour: Behaviour) {
        for signal in Signal::ALL {
            self.set_for(signal, behaviour.clone());
        }
    }

    /// Sets the behaviour for one signal, and drops what [`Receiver::next`] queued for it.
    pub fn set_for(&self, signal: Signal, behaviour: Behaviour) {
        self.inbox.set(signal, behaviour);
    }

    /// Queues a behaviour for the next request of this signal; the requests after it are answered as set.
    pub fn next(&self, signal: Signal, behaviour: Behaviour) {
        self.inbox.queue(signal, behaviour);
    }

    /// Cuts every connection, and refuses new ones when it returns. The port stays reserved.
    pub fn stop(&self) {
        self.port().close();
    }

    /// Listens again on the same port. Keeps what was received.
    pub fn restart(&self) {
        self.port().reopen();
    }

    fn port(&self) -> MutexGuard<'_, Port> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of everything received so far.
    pub fn received(&self) -> Received {
        self.read(Received::clone)
    }

    /// Reads what was received without a copy.
    pub fn read<T>(&self, read: impl FnOnce(&Received) -> T) -> T {
        self.inbox.read(read)
    }

    /// Forgets everything received. Behaviours and open connections stay.
    pub fn clear(&self) {
        self.inbox.change(|received| *received = Received::default());
    }

    /// The spans of accepted requests, in order of arrival.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.read(|all| all.spans.clone())
    }

    /// The totals of a receiver from [`Receiver::start_counting`].
    pub fn counts(&self) -> Counts {
        self.read(|all| all.counts)
    }

    /// The metrics of accepted requests, in order of arrival: one entry per name and export.
    pub fn metrics(&self) -> Vec<ReceivedMetric> {
        self.read(|all| all.metrics.clone())
    }

    /// The latest export of one metric.
    pub fn metric(&self, name: &str) -> Option<ReceivedMetric> {
        self.read(|all| all.metric(name).cloned())
    }

    /// The log records of accepted requests, in order of arrival.
    pub fn logs(&self) -> Vec<ReceivedLog> {
        self.read(|all| all.logs.clone())
    }

    /// Every request, accepted or not, in order of arrival.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.read(|all| all.requests.clone())
    }

    /// The number of requests of this signal, accepted or not.
    pub fn request_count(&self, signal: Signal) -> usize {
        self.read(|all| all.of(signal).count())
    }

    /// The number of accepted TCP connections.
    pub fn connection_count(&self) -> usize {
        self.read(|all| all.connections)
    }

    /// Waits for at least `n` spans, and returns all of them.
    ///
    /// # Panics
    /// After `timeout`, with a list of what arrived; so do the other waits.
    #[track_caller]
    pub fn wait_for_spans(&self, n: usize, timeout: Duration) -> Vec<ReceivedSpan> {
        self.wait_for(n, "spans", timeout, |all| all.spans.clone())
    }

    /// Waits for at least `n` log records, and returns all of them.
    #[track_caller]
    pub fn wait_for_logs(&self, n: usize, timeout: Duration) -> Vec<ReceivedLog> {
        self.wait_for(n, "log records", timeout, |all| all.logs.clone())
    }

    /// Waits for a metric, and returns its latest export.
    #[track_caller]
    pub fn wait_for_metric(&self, name: &str, timeout: Duration) -> ReceivedMetric {
        self.wait(timeout, &format!("metric {name}"), |all| all.metric(name).cloned())
    }

    /// Waits for at least `n` requests of this signal, accepted or not, and returns all of them.
    #[track_caller]
    pub fn wait_for_requests(
        &self,
        signal: Signal,
        n: usize,
        timeout: Duration,
    ) -> Vec<ReceivedRequest> {
        let what = format!("requests for {signal}");
        self.wait_for(n, &what, timeout, |all| all.of(signal).cloned().collect())
    }

    #[track_caller]
    fn wait_for<T>(
        &self,
        n: usize,
        what: &str,
        timeout: Duration,
        all: impl Fn(&Received) -> Vec<T>,
    ) -> Vec<T> {
        self.wait(timeout, &format!("{n} {what}"), |received| {
            Some(all(received)).filter(|found| found.len() >= n)
        })
    }

    /// Waits until `find`, called after each arrival, returns something. The panic names `what`.
    #[track_caller]
    pub fn wait<T>(
        &self,
        timeout: Duration,
        what: &str,
        find: impl FnMut(&Received) -> Option<T>,
    ) -> T {
        match self.inbox.wait(timeout, find) {
            Some(found) => found,
            None => panic!("no {what} within {timeout:?}\n{self:?}"),
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.port().is_open() { "listening" } else { "stopped" };
        write!(f, "Receiver {} ({state}): {}", self.endpoint(), self.read(Received::summary))
    }
}

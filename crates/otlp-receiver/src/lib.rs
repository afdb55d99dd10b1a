//! A real OTLP receiver for tests: gRPC and HTTP, on one loopback port, with a switchable temper.
//!
//! ```ignore
//! let receiver = Receiver::start();
//! // ... point OTEL_EXPORTER_OTLP_ENDPOINT at receiver.endpoint(), run something, flush it ...
//! let spans = receiver.wait_for_spans(2, Duration::from_secs(5));
//! assert_eq!(spans[0].attributes["http.route"], "/users/<id>");
//!
//! receiver.set(Behaviour::Unavailable);                       // every signal, until told otherwise
//! receiver.set_for(Signal::Metrics, Behaviour::Unimplemented); // as Jaeger answers
//! receiver.next(Signal::Traces, Behaviour::Hang);             // one request only, then as before
//! receiver.stop();                                            // connections are cut, then refused
//! receiver.restart();                                         // the same port again
//! ```
//!
//! It lives on its own thread with its own runtime, so that a test may block the application's. The
//! waits block too: on a current-thread runtime the exporter never gets to run meanwhile.
//!
//! # Layout
//! `behaviour` what it answers; `inbox` what came and how to wait for it; `routes` which path leads
//! where, `grpc` and `http` the two protocols; `server` sockets and the thread; `tls` certificates;
//! `signal` what the three signals share, and `value`, `span`, `metric`, `log` the data, flattened.

#![allow(
    dead_code,
    unused_imports,
    reason = "compiled into every test binary, and each uses its own part"
)]

mod behaviour;
mod grpc;
mod http;
mod inbox;
mod log;
mod metric;
mod routes;
mod server;
mod signal;
mod span;
mod tls;
mod value;

use std::fmt;
use std::iter;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use behaviour::Behaviour;
pub use inbox::{Received, ReceivedRequest};
pub use log::{ReceivedLog, SeverityNumber};
pub use metric::{Histogram, MetricKind, Point, PointValue, ReceivedMetric, Temporality};
pub use signal::{Signal, Transport};
pub use span::{ReceivedEvent, ReceivedLink, ReceivedSpan, SpanKind, StatusCode};
pub use tls::{Pki, TlsMode};
pub use value::{Attributes, Scope, Value};

use inbox::Inbox;
use server::Port;

/// An OTLP receiver on `127.0.0.1`; dropping it stops it.
pub struct Receiver {
    address: SocketAddr,
    pki: Option<Pki>,
    inbox: Arc<Inbox>,
    port: Mutex<Port>,
}

impl Receiver {
    /// Listens in plain text on a free port.
    pub fn start() -> Self {
        Self::with_pki(None)
    }

    /// Listens with TLS, under a certificate authority made for this receiver alone: see [`Receiver::pki`].
    pub fn start_tls(mode: TlsMode) -> Self {
        Self::with_pki(Some(Pki::new(mode)))
    }

    fn with_pki(pki: Option<Pki>) -> Self {
        let inbox = Arc::new(Inbox::default());
        let acceptor = pki.as_ref().map(Pki::acceptor);
        let (address, port) = Port::open(acceptor, Arc::clone(&inbox));
        Self { address, pki, inbox, port: Mutex::new(port) }
    }

    /// The base URL, for `OTEL_EXPORTER_OTLP_ENDPOINT`; the same for gRPC and HTTP.
    pub fn endpoint(&self) -> String {
        let scheme = if self.pki.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The URL of one signal over HTTP, for `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and its like.
    pub fn http_endpoint(&self, signal: Signal) -> String {
        format!("{}{}", self.endpoint(), signal.http_path())
    }

    /// Where it listens, or listened before [`Receiver::stop`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The PEM files a client needs.
    ///
    /// # Panics
    /// If the receiver was started without TLS.
    pub fn pki(&self) -> &Pki {
        self.pki.as_ref().expect("the receiver was started without TLS")
    }

    /// Answers so from now on, for every signal; forgets what [`Receiver::next`] queued.
    pub fn set(&self, behaviour: Behaviour) {
        for (signal, behaviour) in Signal::ALL.into_iter().zip(iter::repeat(behaviour)) {
            self.set_for(signal, behaviour);
        }
    }

    /// Answers so from now on, for one signal; forgets what [`Receiver::next`] queued for it.
    pub fn set_for(&self, signal: Signal, behaviour: Behaviour) {
        self.inbox.set(signal, behaviour);
    }

    /// Answers the next request of this signal so, then goes on as set. Calls queue up.
    pub fn next(&self, signal: Signal, behaviour: Behaviour) {
        self.inbox.queue(signal, behaviour);
    }

    /// Cuts every connection and refuses new ones; returns when that is so. The port stays reserved.
    pub fn stop(&self) {
        self.port().close();
    }

    /// Listens again on the same port; what was received stays.
    pub fn restart(&self) {
        self.port().reopen();
    }

    fn port(&self) -> std::sync::MutexGuard<'_, Port> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of everything received so far.
    pub fn received(&self) -> Received {
        self.inbox.read(Received::clone)
    }

    /// Forgets everything received; behaviours and open connections stay.
    pub fn clear(&self) {
        self.inbox.clear();
    }

    /// The spans of accepted requests, in order of arrival.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.inbox.read(|all| all.spans.clone())
    }

    /// The metrics of accepted requests, in order of arrival: the same name once an export.
    pub fn metrics(&self) -> Vec<ReceivedMetric> {
        self.inbox.read(|all| all.metrics.clone())
    }

    /// The latest export of one metric.
    pub fn metric(&self, name: &str) -> Option<ReceivedMetric> {
        self.inbox.read(|all| all.metric(name).cloned())
    }

    /// The log records of accepted requests, in order of arrival.
    pub fn logs(&self) -> Vec<ReceivedLog> {
        self.inbox.read(|all| all.logs.clone())
    }

    /// Every request, accepted or not, known path or not, in order of arrival.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.inbox.read(|all| all.requests.clone())
    }

    /// How many requests of this signal came, accepted or not.
    pub fn request_count(&self, signal: Signal) -> usize {
        self.inbox.read(|all| all.of(signal).count())
    }

    /// How many TCP connections were accepted.
    pub fn connection_count(&self) -> usize {
        self.inbox.read(|all| all.connections)
    }

    /// Waits until at least `n` spans came, and returns all of them.
    ///
    /// # Panics
    /// If they do not come within `timeout`, with a list of what came; so do the other waits.
    #[track_caller]
    pub fn wait_for_spans(&self, n: usize, timeout: Duration) -> Vec<ReceivedSpan> {
        self.wait(timeout, &format!("{n} spans"), |all| {
            (all.spans.len() >= n).then(|| all.spans.clone())
        })
    }

    /// Waits until at least `n` log records came, and returns all of them.
    #[track_caller]
    pub fn wait_for_logs(&self, n: usize, timeout: Duration) -> Vec<ReceivedLog> {
        self.wait(timeout, &format!("{n} log records"), |all| {
            (all.logs.len() >= n).then(|| all.logs.clone())
        })
    }

    /// Waits until a metric of this name came, and returns its latest export.
    #[track_caller]
    pub fn wait_for_metric(&self, name: &str, timeout: Duration) -> ReceivedMetric {
        self.wait(timeout, &format!("the metric {name}"), |all| all.metric(name).cloned())
    }

    /// Waits until at least `n` requests of this signal came, answered or not, and returns all of them.
    #[track_caller]
    pub fn wait_for_requests(
        &self,
        signal: Signal,
        n: usize,
        timeout: Duration,
    ) -> Vec<ReceivedRequest> {
        self.wait(timeout, &format!("{n} requests for {signal}"), |all| {
            let requests: Vec<_> = all.of(signal).cloned().collect();
            (requests.len() >= n).then_some(requests)
        })
    }

    /// Waits until `found` finds what it looks for; `what` names it in the panic. Woken by whatever comes.
    #[track_caller]
    pub fn wait<T>(
        &self,
        timeout: Duration,
        what: &str,
        found: impl FnMut(&Received) -> Option<T>,
    ) -> T {
        match self.inbox.wait(timeout, found) {
            Some(found) => found,
            None => panic!("no {what} within {timeout:?}\n{self:#?}"),
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.port().is_open() { "listening" } else { "stopped" };
        write!(f, "Receiver {} ({state}): ", self.endpoint())?;
        self.inbox.read(|all| all.summary(f))
    }
}

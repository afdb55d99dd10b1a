//! The socket, and the thread that serves it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::export::handle;
use super::received::Inbox;

/// How many connections the kernel holds while the accept loop is busy.
const BACKLOG: u32 = 128;

/// HTTP/2 windows: a batch of spans should not wait for a round trip.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A port that belongs to its receiver for the receiver's lifetime, listening or not.
pub(crate) struct Port {
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    inbox: Arc<Inbox>,
    /// While it listens.
    server: Option<Server>,
    /// While it does not: bound but not listening, so that the kernel refuses connections and gives
    /// the port to nobody else.
    reserved: Option<TcpSocket>,
}

impl Port {
    /// Listens on a free port of the loopback interface.
    pub(crate) fn open(acceptor: Option<TlsAcceptor>, inbox: Arc<Inbox>) -> (SocketAddr, Self) {
        let socket = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = socket.local_addr().expect("a bound socket has an address");
        let reserved = Some(socket);
        let mut port = Self { address, acceptor, inbox, server: None, reserved };
        port.reopen();
        (address, port)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.server.is_some()
    }

    pub(crate) fn close(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
            self.reserved = Some(bind(self.address));
        }
    }

    pub(crate) fn reopen(&mut self) {
        if let Some(socket) = self.reserved.take() {
            let (acceptor, inbox) = (self.acceptor.clone(), Arc::clone(&self.inbox));
            self.server = Some(Server::start(socket, acceptor, inbox));
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

/// How often to try to bind, with a pause in between.
const BIND_ATTEMPTS: usize = 1_000;
const BIND_PAUSE: Duration = Duration::from_millis(5);

fn bind(address: SocketAddr) -> TcpSocket {
    let mut last = None;
    for _ in 0..BIND_ATTEMPTS {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Otherwise, connections in TIME_WAIT would block our own port.
        socket.set_reuseaddr(true).expect("a new socket has options");
        match socket.bind(address) {
            Ok(()) => return socket,
            Err(error) => last = Some(error),
        }
        // A process that starts elsewhere in these tests holds our old socket until its `exec`.
        thread::sleep(BIND_PAUSE);
    }
    panic!("cannot bind {address}: {last:?}");
}

/// A thread with a runtime of its own, which closes every connection when it ends.
struct Server {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Returns when the socket listens.
    fn start(socket: TcpSocket, acceptor: Option<TlsAcceptor>, inbox: Arc<Inbox>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready, listening) = mpsc::channel();
        let serve = async move {
            let listener = socket.listen(BACKLOG).expect("a bound socket can listen");
            ready.send(()).expect("`start` waits");
            tokio::select! {
                _ = stopped => {}
                () = accept(listener, acceptor, inbox) => {}
            }
        };
        let thread = thread::Builder::new()
            .name("otlp-receiver".into())
            .spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime for the receiver").block_on(serve);
            })
            .expect("a thread for the receiver");
        listening.recv().expect("the receiver listens");
        Self { stop, thread }
    }

    /// Returns when every socket is closed.
    fn stop(self) {
        // The receiving end is gone if the thread panicked, which the join reports.
        let _ = self.stop.send(());
        let ended = self.thread.join();
        // A second panic during a failing test would abort, and hide why the test failed.
        assert!(ended.is_ok() || thread::panicking(), "the receiver's thread panicked");
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, inbox: Arc<Inbox>) {
    loop {
        let (stream, _) = listener.accept().await.expect("the receiver accepts connections");
        // Small answers must not wait for the client's delayed acknowledgement.
        stream.set_nodelay(true).expect("a new connection has options");
        let number = inbox.change(|received| {
            received.connections += 1;
            received.connections
        });
        let (acceptor, inbox) = (acceptor.clone(), Arc::clone(&inbox));
        tokio::spawn(async move {
            match acceptor {
                None => serve(stream, number, inbox).await,
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => serve(stream, number, inbox).await,
                    Err(error) => inbox.change(|all| all.handshake_failures.push(error.to_string())),
                },
            }
        });
    }
}

/// Serves HTTP/1.1 or HTTP/2, whichever the client speaks, until the client leaves.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: usize,
    inbox: Arc<Inbox>,
) {
    let service = service_fn(move |request| handle(request, connection, Arc::clone(&inbox)));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().initial_stream_window_size(STREAM_WINDOW);
    builder.http2().initial_connection_window_size(CONNECTION_WINDOW);
    // An error is a client that left early, as tests do on purpose.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

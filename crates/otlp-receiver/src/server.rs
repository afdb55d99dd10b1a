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
    pub(crate) address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    inbox: Arc<Inbox>,
    /// While it listens.
    server: Option<Server>,
    /// Bound but never listening, so that the kernel refuses connections and keeps the port reserved
    /// while there is no server.
    _reserved: TcpSocket,
}

impl Port {
    /// Listens on a free port of the loopback interface.
    pub(crate) fn open(acceptor: Option<TlsAcceptor>, inbox: Arc<Inbox>) -> Self {
        let reserved = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = reserved.local_addr().expect("a bound socket has an address");
        let mut port = Self { address, acceptor, inbox, server: None, _reserved: reserved };
        port.reopen();
        port
    }

    pub(crate) fn is_open(&self) -> bool {
        self.server.is_some()
    }

    pub(crate) fn close(&mut self) {
        if self.server.take().is_some() {
            // Succeeds when nothing listens any more.
            bind(self.address);
        }
    }

    pub(crate) fn reopen(&mut self) {
        let (acceptor, inbox) = (self.acceptor.clone(), Arc::clone(&self.inbox));
        self.server.get_or_insert_with(|| Server::start(bind(self.address), acceptor, inbox));
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

/// A thread with a runtime of its own, which closes every connection when the server is dropped.
struct Server(Option<(oneshot::Sender<()>, JoinHandle<()>)>);

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
        let thread = thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime for the receiver").block_on(serve);
        });
        listening.recv().expect("the receiver listens");
        Self(Some((stop, thread)))
    }
}

impl Drop for Server {
    /// Returns when every socket is closed.
    fn drop(&mut self) {
        let Some((stop, thread)) = self.0.take() else { return };
        drop(stop);
        let ended = thread.join();
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
                    Err(error) => {
                        inbox.change(|all| all.handshake_failures.push(error.to_string()));
                    }
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

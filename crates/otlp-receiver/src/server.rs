//! The socket and the thread behind it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::inbox::Inbox;
use super::routes::{self, Connection};

/// How many connections the kernel holds while the accept loop is busy.
const BACKLOG: u32 = 128;

/// A port that is ours from first to last, listening or not.
pub struct Port {
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    inbox: Arc<Inbox>,
    /// While it listens.
    server: Option<Server>,
    /// While it does not: bound but not listening, so that the kernel refuses connections, and hands
    /// the port to nobody else.
    reserved: Option<TcpSocket>,
}

impl Port {
    /// Listens on a free port of the loopback interface.
    pub fn open(acceptor: Option<TlsAcceptor>, inbox: Arc<Inbox>) -> (SocketAddr, Self) {
        let socket = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = socket.local_addr().expect("a bound socket has an address");
        let reserved = Some(socket);
        let mut port = Self { address, acceptor, inbox, server: None, reserved };
        port.reopen();
        (address, port)
    }

    pub fn is_open(&self) -> bool {
        self.server.is_some()
    }

    pub fn close(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
            self.reserved = Some(bind(self.address));
        }
    }

    pub fn reopen(&mut self) {
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

/// How often a port of our own is asked for again, with a moment in between.
const BIND_ATTEMPTS: usize = 1_000;

fn bind(address: SocketAddr) -> TcpSocket {
    let mut last = None;
    for _ in 0..BIND_ATTEMPTS {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        // Without it, connections in TIME_WAIT would keep us from our own port.
        socket.set_reuseaddr(true).expect("a fresh socket takes options");
        match socket.bind(address) {
            Ok(()) => return socket,
            Err(error) => last = Some(error),
        }
        // A process that another test starts has our old socket until it has become its program.
        thread::sleep(Duration::from_millis(5));
    }
    panic!("cannot bind {address}: {last:?}");
}

/// A running thread, with a runtime that dies with it and takes every connection along.
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
            ready.send(()).expect("whoever started the receiver waits for it");
            tokio::select! {
                _ = stopped => {}
                () = accept(listener, acceptor, inbox) => {}
            }
        };
        let thread = thread::Builder::new()
            .name("otlp-receiver".into())
            .spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime for the receiver")
                    .block_on(serve);
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
        // A panic on top of a failing test would abort and hide why it failed.
        assert!(ended.is_ok() || thread::panicking(), "the receiver's thread panicked");
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, inbox: Arc<Inbox>) {
    let router = routes::router(&inbox);
    loop {
        let (stream, _) = listener.accept().await.expect("the receiver accepts connections");
        // Small answers must not wait for the client's delayed acknowledgement.
        stream.set_nodelay(true).expect("a fresh connection takes options");
        let number = inbox.change(|received| {
            received.connections += 1;
            received.connections
        });
        let router = router.clone().layer(Extension(Connection(number)));
        let (acceptor, inbox) = (acceptor.clone(), Arc::clone(&inbox));
        tokio::spawn(async move {
            match acceptor {
                None => serve(stream, router).await,
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => serve(stream, router).await,
                    Err(error) => {
                        inbox
                            .change(|received| received.handshake_failures.push(error.to_string()));
                    }
                },
            }
        });
    }
}

/// Serves HTTP/1.1 or HTTP/2, whichever the first bytes say, until the client leaves.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let service = TowerToHyperService::new(router);
    // An error here is a client that left in the middle, which tests do on purpose.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

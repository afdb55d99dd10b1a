//! A real server on a free port, and raw bytes to and from it.

use std::net::SocketAddr;
use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::{Build, Orbit, Rocket, Shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::Answer;

/// The bound on every wait: only a test that fails reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `ready`, or fails.
pub(crate) async fn eventually(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A running server. It ends with the runtime of its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) ended: JoinHandle<Result<(), String>>,
}

/// Launches an application and waits until it listens.
pub(crate) async fn launch(rocket: Rocket<Build>) -> Server {
    let (sender, receiver) = oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let ready = AdHoc::on_liftoff("Ready", move |rocket: &Rocket<Orbit>| {
        let address = SocketAddr::new(rocket.config().address, rocket.config().port);
        let sender = sender.lock().expect("no panic").take().expect("one liftoff");
        Box::pin(async move { sender.send(address).expect("the test waits") })
    });
    let rocket = rocket.attach(ready).ignite().await.expect("the application ignites");
    let shutdown = rocket.shutdown();
    let launched = async { rocket.launch().await.map(drop).map_err(|e| e.to_string()) };
    let ended = tokio::spawn(launched);
    let address = timeout(PATIENCE, receiver).await.expect("in time").expect("it listens");
    Server { address, shutdown, ended }
}

impl Server {
    pub(crate) async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.expect("it listens"))
    }

    /// Sends bytes on a new connection and reads the response to the connection's end. The request
    /// must say `Connection: close`, unless the server closes after it anyway.
    pub(crate) async fn exchange(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut connection = self.connect().await;
        connection.send(request).await;
        connection.answer().await
    }

    /// A GET request with these header lines, each ended by `\r\n`.
    pub(crate) async fn get(&self, target: &str, headers: &str) -> Answer {
        self.request("GET", target, headers).await
    }

    pub(crate) async fn request(&self, method: &str, target: &str, headers: &str) -> Answer {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}");
        self.exchange(format!("{head}Connection: close\r\n\r\n")).await
    }
}

/// A raw connection; dropping it is the client that leaves.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A server that has refused the request may not read all of it.
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// Reads until `mark` has arrived, and returns all that has.
    pub(crate) async fn read_until(&mut self, mark: &str) -> String {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(mark) {
            let mut buffer = [0; 4096];
            let read = timeout(PATIENCE, self.0.read(&mut buffer)).await;
            let read = read.unwrap_or_else(|_| panic!("no {mark:?} in {all:?}"));
            let count = read.expect("the connection is open");
            assert!(count > 0, "ended before {mark:?}: {:?}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Reads the response to the connection's end.
    pub(crate) async fn answer(mut self) -> Answer {
        let mut bytes = Vec::new();
        // Of a connection that breaks off, what has arrived counts.
        let read = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        let _ = read.expect("the server closes the connection");
        parse(&bytes)
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Answer::default();
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    let headers = lines.filter_map(header).collect();
    let body = bytes[end + 4..].to_vec();
    let mut answer = Answer { status: status.expect("a status line"), headers, body };
    if answer.header("Transfer-Encoding") == Some("chunked") {
        answer.body = dechunk(&answer.body);
    }
    answer
}

/// The data of a chunked body, up to the last complete chunk.
fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).unwrap_or(0);
        match bytes.get(end + 2..end + 2 + size) {
            Some(data) if size > 0 => body.extend_from_slice(data),
            _ => break,
        }
        bytes = bytes.get(end + 4 + size..).unwrap_or_default();
    }
    body
}

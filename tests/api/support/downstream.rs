//! A downstream service that always gives the same answer and records the heads of its requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rocket_otel_demo::app::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub(crate) struct Downstream {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Downstream {
    /// Answers every request with a chain without hops.
    pub(crate) async fn start() -> Self {
        Self::answering("200 OK", r#"{"hops":[]}"#).await
    }

    /// Answers every request with this status line and body.
    pub(crate) async fn answering(status: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let recorded = heads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), recorded.clone()));
            }
        });
        Self { address, heads }
    }

    pub(crate) fn url(&self) -> url::Url {
        url::Url::parse(&format!("http://{}/", self.address)).expect("a URL")
    }

    /// The settings of an application that calls this service.
    pub(crate) fn settings(&self) -> Settings {
        Settings { downstream: Some(self.url()), ..Settings::default() }
    }

    /// The number of requests.
    pub(crate) fn count(&self) -> usize {
        self.heads.lock().expect("no panic").len()
    }

    /// The head of the last request.
    pub(crate) fn head(&self) -> String {
        self.heads.lock().expect("no panic").last().expect("a request").clone()
    }

    /// All values of a header of the last request.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let head = self.head();
        let pairs = head.split("\r\n").filter_map(|line| line.split_once(": "));
        let values = pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.to_owned()).collect()
    }
}

async fn serve(mut stream: TcpStream, answer: String, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_buf(&mut head).await {
            Ok(count) if count > 0 => {}
            _ => return,
        }
    }
    heads.lock().expect("no panic").push(String::from_utf8_lossy(&head).into_owned());
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

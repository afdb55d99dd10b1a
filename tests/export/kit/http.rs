//! A client that keeps nothing open: a request, its answer, and the end of the connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::SOON;

/// An answer, as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer but {text:?}"));
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header's value; the name in any case.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("no {name} in {self:?}")).1.trim()
    }

    /// The trace that answered.
    #[track_caller]
    pub(crate) fn trace_id(&self) -> String {
        let header = self.header("traceresponse");
        header.split('-').nth(1).expect("version, trace, span, flags").to_owned()
    }
}

/// A request whose answer has not been read.
pub(crate) struct Pending(TcpStream);

impl Pending {
    pub(crate) fn send(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Self {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
        for header in headers.iter().chain(&["connection: close"]) {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).expect("the server reads");
        Self(stream)
    }

    /// The answer to a request that a server may be too far gone to take.
    pub(crate) fn try_answer(address: SocketAddr, path: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(SOON)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
            .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.starts_with("HTTP/1.1 200").then(|| Answer::of(&text))
    }

    /// Waits until the server has begun to answer.
    #[track_caller]
    pub(crate) fn begun(self) -> Self {
        self.0.peek(&mut [0]).expect("the server begins to answer");
        self
    }

    #[track_caller]
    pub(crate) fn answer(mut self) -> Answer {
        let mut text = String::new();
        self.0.read_to_string(&mut text).expect("the server answers");
        Answer::of(&text)
    }
}

#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    Pending::send(address, "GET", path, &[]).answer()
}

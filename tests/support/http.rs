//! HTTP over a raw socket: the server receives what a test sends, to the byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::SOON;

/// A header's name and value.
pub(crate) type Header<'a> = (&'a str, &'a str);

/// The same for every server, so that their spans can be compared.
const DEFAULT_HEADERS: [Header<'_>; 2] = [("Host", "demo.test"), ("User-Agent", "test")];

/// An answer, with its body as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        Some(Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() })
    }

    /// The value of a header that the answer has once.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        assert!(values.next().is_none(), "the answer has {name} twice");
        Some(value)
    }

    /// The trace that `traceresponse` names.
    #[track_caller]
    pub(crate) fn trace_id(&self) -> String {
        let header = self.header("traceresponse").expect("the answer names its trace");
        header.split('-').nth(1).expect("version, trace, span, flags").to_owned()
    }
}

/// A raw connection. Dropping it is a client that disconnects.
pub(crate) struct Connection(pub(crate) TcpStream);

impl Connection {
    #[track_caller]
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("the server listens")
    }

    fn try_open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends as much as the server reads: it may have refused the request already.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref());
    }

    /// Closes the sending half of the connection.
    pub(crate) fn finish(&self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// Waits until the server has begun to answer.
    #[track_caller]
    pub(crate) fn begun(self) -> Self {
        self.0.peek(&mut [0]).expect("the server begins to answer");
        self
    }

    /// Reads until the server closes or resets the connection.
    pub(crate) fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The answer, on a connection that the server closes after it.
    #[track_caller]
    pub(crate) fn answer(mut self) -> Answer {
        let text = self.read_to_end();
        Answer::parse(&text).unwrap_or_else(|| panic!("not an answer: {text:?}"))
    }

    /// The status of the answer; 0 if the server closed the connection without one.
    pub(crate) fn status(mut self) -> u16 {
        Answer::parse(&self.read_to_end()).map_or(0, |answer| answer.status)
    }
}

/// Sends `METHOD target` with these headers, and leaves the answer unread.
#[track_caller]
pub(crate) fn send(address: SocketAddr, request: &str, headers: &[Header<'_>]) -> Connection {
    let mut connection = Connection::open(address);
    connection.send(head(request, headers));
    connection
}

/// Sends `METHOD target` to a server that may not be there, and reads the answer.
pub(crate) fn ask(
    address: SocketAddr,
    request: &str,
    headers: &[Header<'_>],
) -> std::io::Result<Answer> {
    let mut connection = Connection::try_open(address)?;
    connection.send(head(request, headers));
    Answer::parse(&connection.read_to_end()).ok_or_else(|| ErrorKind::InvalidData.into())
}

#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, &format!("GET {path}"), &[]).answer()
}

fn head(request: &str, headers: &[Header<'_>]) -> String {
    let is_given = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    let defaults = DEFAULT_HEADERS.iter().filter(|(name, _)| !is_given(name));
    let lines = defaults.chain(headers).map(|(name, value)| format!("{name}: {value}\r\n"));
    let lines: String = lines.collect();
    format!("{request} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n")
}

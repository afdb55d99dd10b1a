//! `healthcheck`: asks the local server's `/health`, for containers that have neither shell nor
//! curl.
//!
//! A socket and one status line need no HTTP client and no runtime, so this starts in a
//! millisecond, which matters for something that an orchestrator runs every few seconds.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use thiserror::Error;

/// For all of it: connecting, asking and reading the answer. The image gives its health check as
/// long.
const TIMEOUT: Duration = Duration::from_secs(3);

/// `/health` answers in some hundred bytes; whoever sends more than this is not our server.
const LONGEST_ANSWER: usize = 16 * 1024;

const DEFAULT_PORT: u16 = 8000;
const DEFAULT_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The options of `healthcheck`. They read the variables that Rocket itself reads, so that both
/// agree without being told.
#[derive(Args, Clone, Debug)]
pub struct HealthcheckArgs {
    /// The port that the local server listens on
    #[arg(long, env = "ROCKET_PORT", value_name = "PORT", default_value = "8000", value_parser = port)]
    port: u16,

    /// The address that the local server listens on; for 0.0.0.0 and :: the loopback address is
    /// asked
    #[arg(long, env = "ROCKET_ADDRESS", value_name = "IP", default_value = "127.0.0.1", value_parser = address)]
    address: IpAddr,
}

/// Succeeds if the server answers 200 in time; otherwise says why not in one line on stderr.
#[must_use]
pub fn run(args: &HealthcheckArgs) -> ExitCode {
    let server = SocketAddr::new(reachable(args.address), args.port);
    match check(server, TIMEOUT) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: http://{server}/health: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, Error)]
enum Unhealthy {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no whole answer within {} s", .0.as_secs_f32())]
    TooSlow(Duration),
    #[error("the answer is not HTTP/1")]
    NotHttp,
    #[error("status {0}, expected 200")]
    Status(u16),
}

fn check(server: SocketAddr, timeout: Duration) -> Result<(), Unhealthy> {
    match ask(server, Instant::now() + timeout) {
        Ok(answer) => match status(&answer) {
            Some(200) => Ok(()),
            Some(other) => Err(Unhealthy::Status(other)),
            None => Err(Unhealthy::NotHttp),
        },
        // A socket's timeout is the one or the other, by platform.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) =>
        {
            Err(Unhealthy::TooSlow(timeout))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads to the end although the first line would do: hanging up earlier would look to the server,
/// and in its traces, like a client that lost patience.
fn ask(server: SocketAddr, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, remaining(deadline)?)?;
    stream.set_write_timeout(Some(remaining(deadline)?))?;
    let user_agent = concat!(env!("CARGO_PKG_NAME"), "-healthcheck/", env!("CARGO_PKG_VERSION"));
    stream.write_all(
        format!(
            "GET /health HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {user_agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        .as_bytes(),
    )?;

    let mut answer = Vec::new();
    let mut chunk = [0; 1024];
    while answer.len() < LONGEST_ANSWER {
        // Anew for each read, or a server that drips would hold us for ever.
        stream.set_read_timeout(Some(remaining(deadline)?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            length => answer.extend_from_slice(&chunk[..length]),
        }
    }
    Ok(answer)
}

/// What is left until the deadline; never zero, which sockets refuse as a timeout.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The status code in `HTTP/1.1 200 OK`.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|&byte| byte == b'\r' || byte == b'\n').next()?;
    let mut words = str::from_utf8(line).ok()?.split(' ');
    matches!(words.next()?, "HTTP/1.0" | "HTTP/1.1").then_some(())?;
    words.next()?.parse().ok().filter(|code| (100..600).contains(code))
}

/// Where a server that listens on `address` can be asked: "everywhere" is no address to connect to.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        given => given,
    }
}

/// An empty variable counts as unset, here and below.
fn port(text: &str) -> Result<u16, &'static str> {
    match text.parse() {
        _ if text.is_empty() => Ok(DEFAULT_PORT),
        Ok(0) | Err(_) => Err("--port or ROCKET_PORT must be a number from 1 to 65535"),
        Ok(port) => Ok(port),
    }
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    if text.is_empty() {
        return Ok(DEFAULT_ADDRESS);
    }
    text.parse()
        .map_err(|_| "--address or ROCKET_ADDRESS must be an IP address such as 127.0.0.1 or ::1")
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// A server that reads a request, sends `answer`, and stays on the line for `linger`.
    fn server(answer: &'static [u8], linger: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let read = stream.read(&mut [0; 1024]).expect("a request");
            assert_ne!(read, 0);
            stream.write_all(answer).expect("the client reads");
            thread::sleep(linger);
        });
        address
    }

    fn message(answer: &'static [u8]) -> String {
        check(server(answer, Duration::ZERO), TIMEOUT).expect_err("unhealthy").to_string()
    }

    #[test]
    fn a_server_that_answers_200_is_healthy() {
        let server = server(
            b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"status\":\"healthy\"}",
            Duration::ZERO,
        );
        assert!(check(server, TIMEOUT).is_ok());
    }

    #[test]
    fn any_other_answer_is_unhealthy_and_says_what_it_was() {
        assert_eq!(
            message(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"),
            "status 503, expected 200"
        );
        assert_eq!(message(b"SSH-2.0-OpenSSH_9.2\r\n"), "the answer is not HTTP/1");
        assert_eq!(message(b""), "the answer is not HTTP/1");
    }

    #[test]
    fn a_status_line_is_read_strictly() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 204\r\n"), Some(204));
        assert_eq!(status(b"HTTP/1.1 2000 OK\r\n"), None);
        assert_eq!(status(b"HTTP/2 200\r\n"), None);
        assert_eq!(status(b"\xff\xff 200\r\n"), None);
    }

    #[test]
    fn a_server_that_never_finishes_is_given_up_in_time() {
        let started = Instant::now();
        let server = server(b"HTTP/1.1 200 OK\r\n", Duration::from_secs(2));
        let error = check(server, Duration::from_millis(100)).expect_err("unhealthy");
        assert_eq!(error.to_string(), "no whole answer within 0.1 s");
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_loopback() {
        assert_eq!(reachable(Ipv4Addr::UNSPECIFIED.into()), Ipv4Addr::LOCALHOST);
        assert_eq!(reachable(Ipv6Addr::UNSPECIFIED.into()), Ipv6Addr::LOCALHOST);
        assert_eq!(reachable(Ipv4Addr::new(192, 0, 2, 1).into()), Ipv4Addr::new(192, 0, 2, 1));
    }

    #[test]
    fn an_empty_option_is_the_default_and_a_bad_one_names_what_would_do() {
        assert_eq!(port(""), Ok(8000));
        assert_eq!(address(""), Ok(DEFAULT_ADDRESS));
        assert!(
            port("0")
                .is_err_and(|error| error.contains("ROCKET_PORT must be a number from 1 to 65535"))
        );
        assert!(
            address("localhost")
                .is_err_and(|error| error.contains("ROCKET_ADDRESS must be an IP address"))
        );
    }
}

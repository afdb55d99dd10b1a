//! `healthcheck`: requests `/health` from the local server, for containers without a shell or curl.
//!
//! A socket needs neither an HTTP client nor a runtime, so the command starts in a millisecond. An
//! orchestrator runs it every few seconds.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use clap::Args;

use super::options::described;

/// For the connection, the request and the response together; the image's health check has the same.
const TIMEOUT: Duration = Duration::from_secs(3);

/// `/health` responds with some hundred bytes; a longer response is not from this server.
const LONGEST_RESPONSE: usize = 16 * 1024;

/// The options of `healthcheck`. Their variables are those of the server, so both agree.
#[derive(Args, Clone, Debug)]
pub struct HealthcheckArgs {
    /// Port of the local server
    #[arg(long, env = "ROCKET_PORT", value_name = "PORT", default_value = "8000",
          value_parser = described("an integer from 1 to 65535", NonZeroU16::from_str))]
    port: NonZeroU16,

    /// Address of the local server; 0.0.0.0 and :: stand for the loopback address
    #[arg(long, env = "ROCKET_ADDRESS", value_name = "IP", default_value = "127.0.0.1",
          value_parser = described("an IP address such as 127.0.0.1 or ::1", IpAddr::from_str))]
    address: IpAddr,
}

/// Succeeds if the server responds with 200 in time; otherwise prints the reason to stderr.
#[must_use]
pub fn run(args: &HealthcheckArgs) -> ExitCode {
    let server = SocketAddr::new(connectable(args.address), args.port.get());
    match check(server, TIMEOUT) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: http://{server}/health: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check(server: SocketAddr, timeout: Duration) -> anyhow::Result<()> {
    let response =
        request(server, Instant::now() + timeout).map_err(|error| match error.kind() {
            // A socket's timeout is one or the other, by platform.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                anyhow!("no complete response within {} s", timeout.as_secs_f32())
            }
            _ => error.into(),
        })?;
    let status = status(&response).context("the response is not HTTP/1")?;
    ensure!(status == 200, "status {status}, expected 200");
    Ok(())
}

/// Reads the whole response, although its first line is enough: to the server, and in its traces, an
/// earlier end is a client that disconnected.
fn request(server: SocketAddr, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, remaining(deadline)?)?;
    stream.set_write_timeout(Some(remaining(deadline)?))?;
    let user_agent = concat!("rocket-otel-demo-healthcheck/", env!("CARGO_PKG_VERSION"));
    stream.write_all(
        format!(
            "GET /health HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {user_agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        .as_bytes(),
    )?;

    let mut response = Vec::new();
    let mut chunk = [0; 1024];
    while response.len() < LONGEST_RESPONSE {
        // For each read, or a server that sends single bytes would never time out.
        stream.set_read_timeout(Some(remaining(deadline)?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            length => response.extend_from_slice(&chunk[..length]),
        }
    }
    Ok(response)
}

/// The time until the deadline; never zero, which sockets reject as a timeout.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The status code of `HTTP/1.1 200 OK`.
fn status(response: &[u8]) -> Option<u16> {
    let line = response.split(|&byte| byte == b'\r' || byte == b'\n').next()?;
    let mut words = str::from_utf8(line).ok()?.split(' ');
    matches!(words.next()?, "HTTP/1.0" | "HTTP/1.1").then_some(())?;
    words.next()?.parse().ok().filter(|code| (100..600).contains(code))
}

/// The address at which a server that listens on `address` accepts connections.
fn connectable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        specified => specified,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that reads a request, sends `response`, and keeps the connection open for `linger`.
    fn server(response: &'static [u8], linger: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let read = stream.read(&mut [0; 1024]).expect("a request");
            assert_ne!(read, 0);
            stream.write_all(response).expect("the client reads");
            thread::sleep(linger);
        });
        address
    }

    fn message(response: &'static [u8]) -> String {
        check(server(response, Duration::ZERO), TIMEOUT).expect_err("unhealthy").to_string()
    }

    #[test]
    fn a_server_that_responds_with_200_is_healthy() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"status\":\"healthy\"}";
        assert!(check(server(response, Duration::ZERO), TIMEOUT).is_ok());
    }

    #[test]
    fn any_other_response_is_unhealthy_and_the_error_says_why() {
        let unavailable = message(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert_eq!(unavailable, "status 503, expected 200");
        assert_eq!(message(b"SSH-2.0-OpenSSH_9.2\r\n"), "the response is not HTTP/1");
        assert_eq!(message(b""), "the response is not HTTP/1");
    }

    #[test]
    fn the_status_line_is_parsed_strictly() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 204\r\n"), Some(204));
        assert_eq!(status(b"HTTP/1.1 2000 OK\r\n"), None);
        assert_eq!(status(b"HTTP/2 200\r\n"), None);
        assert_eq!(status(b"\xff\xff 200\r\n"), None);
    }

    #[test]
    fn an_incomplete_response_ends_with_the_timeout() {
        let started = Instant::now();
        let server = server(b"HTTP/1.1 200 OK\r\n", Duration::from_secs(2));
        let error = check(server, Duration::from_millis(100)).expect_err("unhealthy");
        assert_eq!(error.to_string(), "no complete response within 0.1 s");
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_server_that_listens_on_every_address_is_checked_on_loopback() {
        assert_eq!(connectable(Ipv4Addr::UNSPECIFIED.into()), Ipv4Addr::LOCALHOST);
        assert_eq!(connectable(Ipv6Addr::UNSPECIFIED.into()), Ipv6Addr::LOCALHOST);
        assert_eq!(connectable(Ipv4Addr::new(192, 0, 2, 1).into()), Ipv4Addr::new(192, 0, 2, 1));
    }
}

//! The process of a server: its start, its CPU time and memory from /proc, and its end.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::servers::Server;

/// Kernel ticks per second, the unit of CPU time in /proc: 100 on every Linux.
const TICKS: f64 = 100.0;

const START: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(10);

pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    /// The time from the start to the first response.
    pub(crate) first_response: Duration,
}

/// Resident memory, in KiB.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Process {
    /// Starts a server that exports to `endpoint`, and waits for its first response.
    pub(crate) fn start(server: &Server, endpoint: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let started = Instant::now();
        let child = Command::new(&server.command)
            .args(&server.args)
            .env("PORT", port.to_string())
            .env("ROCKET_PORT", port.to_string())
            .env("GUNICORN_CMD_ARGS", format!("--bind 127.0.0.1:{port}"))
            .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/../flask"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .envs(server.env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", server.command.display()))?;
        let mut process = Self { child, port, first_response: Duration::ZERO };
        while get(port, "/health").is_err() {
            ensure!(started.elapsed() < START, "{} does not respond", server.name);
            ensure!(process.child.try_wait()?.is_none(), "{} ended early", server.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        process.first_response = started.elapsed();
        Ok(process)
    }

    /// User and system seconds of the process and its children so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        self.tree()?.into_iter().map(cpu).sum()
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let mut memory = Memory::default();
        for pid in self.tree()? {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let field = |name: &str| -> u64 {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                let digits = line.and_then(|line| line.split_whitespace().next());
                digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
            };
            memory.now += field("VmRSS:");
            memory.peak += field("VmHWM:");
        }
        Ok(memory)
    }

    /// The process and its children, which are the workers of gunicorn.
    fn tree(&self) -> anyhow::Result<Vec<u32>> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let mut pids = vec![pid];
        pids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        Ok(pids)
    }

    /// Ends the server, and returns what it wrote to stderr.
    pub(crate) fn end(mut self) -> anyhow::Result<String> {
        terminate(&mut self.child)?;
        let mut output = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut output)?;
        }
        Ok(output)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Has ended already, unless a measurement failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM, and waits for the end.
fn terminate(child: &mut Child) -> anyhow::Result<()> {
    // The shell has `kill` built in; not every machine has the program.
    Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status()?;
    let sent = Instant::now();
    while child.try_wait()?.is_none() {
        if sent.elapsed() > END {
            child.kill()?;
            child.wait()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn cpu(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may contain anything. Fields 14 and 15 are user and system time.
    let (_, fields) = stat.rsplit_once(')').context("invalid /proc/PID/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    Ok(ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The body of a response with status 200.
fn get(port: u16, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    ensure!(response.starts_with("HTTP/1.1 200"), "not 200: {response:.60}");
    let (_, body) = response.split_once("\r\n\r\n").context("no body")?;
    Ok(body.to_owned())
}

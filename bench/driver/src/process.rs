//! A server's process: started, watched through /proc, and ended.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::collector::get;
use crate::servers::Server;

/// Kernel ticks a second, as /proc counts CPU time: 100 on every Linux there is.
const TICKS: f64 = 100.0;

const START: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(10);

pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    /// From the start to the first answer.
    pub(crate) first_answer: Duration,
}

/// Memory as the kernel counts it, in KiB.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Process {
    /// Starts a server and waits for its first answer.
    pub(crate) fn start(server: &Server, collector: u16) -> anyhow::Result<Self> {
        let port = free_port()?;
        let started = Instant::now();
        let child = Command::new(&server.command)
            .args(&server.args)
            .env("PORT", port.to_string())
            .env("ROCKET_PORT", port.to_string())
            .env("GUNICORN_CMD_ARGS", format!("--bind 127.0.0.1:{port}"))
            .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/../flask"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{collector}"))
            .envs(server.env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", server.command.display()))?;
        let mut process = Self { child, port, first_answer: Duration::ZERO };
        while get(port, "/health").is_err() {
            ensure!(started.elapsed() < START, "{} does not answer", server.name);
            ensure!(process.child.try_wait()?.is_none(), "{} ended at once", server.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        process.first_answer = started.elapsed();
        Ok(process)
    }

    /// User and system seconds so far, of the process and its children.
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

    /// The process and its children, for gunicorn works in those.
    fn tree(&self) -> anyhow::Result<Vec<u32>> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let mut pids = vec![pid];
        pids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        Ok(pids)
    }

    /// Ends the server and gives what it wrote to stderr.
    pub(crate) fn end(mut self) -> anyhow::Result<String> {
        terminate(&mut self.child)?;
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        Ok(said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended, unless a measurement failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM, and waits for the end.
pub(crate) fn terminate(child: &mut Child) -> anyhow::Result<()> {
    // The shell's own: not every machine has a `kill` of its own.
    Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status()?;
    let asked = Instant::now();
    while child.try_wait()?.is_none() {
        if asked.elapsed() > END {
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
    // The name in parentheses may hold anything; fields 14 and 15 are user and system time.
    let (_, fields) = stat.rsplit_once(')').context("an odd /proc/PID/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    Ok(ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

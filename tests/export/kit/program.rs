//! The real binary, as a process of its own with no variables but those a test gives.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::http::{self, Answer};
use super::lines::Lines;
use super::poll;
use otlp_receiver::Receiver;

/// A variable and its value.
pub(crate) type Pair<'a> = (&'a str, &'a str);

/// A command line that has not been run.
pub(crate) struct Program(Command);

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new(words: &[&str], variables: &[Pair<'_>]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocket-otel-demo"));
        command.args(words).env_clear().envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    /// `serve` on a free port, with spans to the receiver as soon as they end.
    pub(crate) fn serving(receiver: &Receiver, more: &[Pair<'_>]) -> Self {
        let endpoint = receiver.endpoint();
        let first = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ];
        Self::new(&["serve", "--port", "0"], &[&first, more].concat())
    }

    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// With no more files open at once than this, though it may ask for more.
    pub(crate) fn with_open_files(self, soft: u32) -> Self {
        let mut limited = Command::new("/bin/sh");
        limited.args(["-c", &format!("ulimit -S -n {soft} && exec \"$0\" \"$@\"")]);
        limited.arg(self.0.get_program()).args(self.0.get_args()).env_clear();
        limited.envs(self.0.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(limited)
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(mut self) -> Ended {
        let mut process = Process(self.0.spawn().expect("the binary starts"));
        let mut stdout = Lines::of(process.0.stdout.take().expect("a pipe"));
        let mut stderr = Lines::of(process.0.stderr.take().expect("a pipe"));
        let code = process.wait().code();
        let [stdout, stderr] = [&mut stdout, &mut stderr].map(|l| l.until_the_end().join("\n"));
        Ended { code, stdout, stderr }
    }

    /// Starts it, and waits until it serves.
    #[track_caller]
    pub(crate) fn start(mut self) -> Server {
        let mut process = Process(self.0.spawn().expect("the binary starts"));
        let stdout = process.0.stdout.take().map(Lines::of);
        let stderr = Lines::of(process.0.stderr.take().expect("a pipe"));
        Server::started(process, stdout, stderr)
    }

    /// As [`start`](Self::start), with nobody to read its standard output.
    #[track_caller]
    pub(crate) fn start_with_stdout_closed(mut self) -> Server {
        let mut process = Process(self.0.spawn().expect("the binary starts"));
        drop(process.0.stdout.take());
        let stderr = Lines::of(process.0.stderr.take().expect("a pipe"));
        Server::started(process, None, stderr)
    }
}

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        poll("end of the process", || self.0.try_wait().expect("a child of ours"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless the test has failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The binary, serving.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) stdout: Option<Lines>,
    pub(crate) stderr: Lines,
}

impl Server {
    #[track_caller]
    fn started(process: Process, stdout: Option<Lines>, stderr: Lines) -> Self {
        let line = stderr.wait_for("serving on http://");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {line}"));
        Self { process, address, stdout, stderr }
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(self.address, path)
    }

    /// Sends the process a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        assert!(self.signal_if_running(name), "the process has ended already");
    }

    /// Sends the process a signal unless it has ended, and tells which.
    pub(crate) fn signal_if_running(&self, name: &str) -> bool {
        let pid = self.process.0.id().to_string();
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status();
        sent.expect("there is a kill command").success()
    }

    /// The bytes of memory that it has in use, as Linux counts them.
    #[track_caller]
    pub(crate) fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.0.id());
        let status = std::fs::read_to_string(status).expect("a process of ours, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.expect("a number of KiB") << 10
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.0.try_wait().expect("a child of ours").is_none()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let code = self.process.wait().code();
        let stdout = self.stdout.as_mut().map_or_else(Vec::new, Lines::until_the_end);
        let stderr = self.stderr.until_the_end();
        Ended { code, stdout: stdout.join("\n"), stderr: stderr.join("\n") }
    }

    /// Ends it as an orchestrator does.
    #[track_caller]
    pub(crate) fn end(self) -> Ended {
        self.signal("TERM");
        self.wait()
    }
}

//! The program as a process with no variables except those of its test.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use otlp_receiver::Receiver;

use crate::support::http::{self, Answer};
use crate::support::lines::Lines;
use crate::support::{SOON, poll};

/// A variable and its value.
pub(crate) type Pair<'a> = (&'a str, &'a str);

/// The variables of a server without exporters.
pub(crate) const NO_EXPORTERS: [Pair<'_>; 2] =
    [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")];

/// A command line that has not run yet.
pub(crate) struct Program(Command);

/// How a process ended, and what it wrote.
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

    /// `serve` on a free port, which exports spans to the receiver as soon as they end.
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

    /// With a soft limit of open files, below the hard one.
    pub(crate) fn with_open_files(self, soft: u32) -> Self {
        let mut limited = Command::new("/bin/sh");
        limited.args(["-c", &format!("ulimit -S -n {soft} && exec \"$0\" \"$@\"")]);
        limited.arg(self.0.get_program()).args(self.0.get_args()).env_clear();
        limited.envs(self.0.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(limited)
    }

    /// With a standard output whose reading end is closed.
    pub(crate) fn with_stdout_closed(mut self) -> Self {
        let (_, writer) = std::io::pipe().expect("a pipe");
        self.0.stdout(writer);
        self
    }

    #[track_caller]
    fn spawn(mut self) -> Process {
        let mut child = self.0.spawn().expect("the program starts");
        let stdout = child.stdout.take().map_or_else(|| Lines::of(std::io::empty()), Lines::of);
        let stderr = Lines::of(child.stderr.take().expect("a pipe"));
        Process { child, stdout, stderr }
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Ended {
        self.spawn().wait()
    }

    /// Starts it, and waits until it serves.
    #[track_caller]
    pub(crate) fn start(self) -> Server {
        let process = self.spawn();
        let line = process.stderr.wait_for("serving on http://");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {line}"));
        Server { process, address }
    }
}

/// A process that ends with its test.
struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Process {
    #[track_caller]
    fn wait(mut self) -> Ended {
        let status = poll("end of the process", || self.child.try_wait().expect("our child"));
        let [stdout, stderr] =
            [&mut self.stdout, &mut self.stderr].map(|lines| lines.until_the_end().join("\n"));
        Ended { code: status.code(), stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The running server.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(self.address, path)
    }

    /// Waits for a line of its log that contains this text.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        self.process.stderr.wait_for(text)
    }

    /// Waits for a line of its standard output that contains this text.
    #[track_caller]
    pub(crate) fn wait_for_output(&self, text: &str) -> String {
        self.process.stdout.wait_for(text)
    }

    /// Fails unless the server answers the next request.
    #[track_caller]
    pub(crate) fn still_answers(&self) {
        assert_eq!(self.get("/health").body, r#"{"status":"healthy"}"#);
    }

    /// Sends the process a signal, such as `TERM`.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.child.id().to_string();
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status();
        assert!(sent.expect("there is a shell").success(), "no process to signal");
    }

    /// The bytes of memory in use, as Linux counts them.
    #[track_caller]
    pub(crate) fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(status).expect("our process, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.expect("a number of KiB") << 10
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(self) -> Ended {
        self.process.wait()
    }

    /// Ends it as an orchestrator does, which must succeed.
    #[track_caller]
    pub(crate) fn end(self) -> Ended {
        self.end_within("TERM", SOON)
    }

    /// Ends it with a signal, which must succeed within this time.
    #[track_caller]
    pub(crate) fn end_within(self, signal: &str, limit: Duration) -> Ended {
        let began = Instant::now();
        self.signal(signal);
        let ended = self.wait();
        let took = began.elapsed();
        assert!(took < limit && ended.code == Some(0), "{took:?}: {ended:?}");
        ended
    }
}

//! The servers, each as a separate process on a free port of the loopback interface.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::http::ask;
use crate::support::lines::Lines;

/// Time limit for a server to start: jco first translates the component to JavaScript.
const START: Duration = Duration::from_secs(120);

/// A kind of server.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Rocket.
    Native,
    /// The component in a WASI host.
    Component { wasm: PathBuf, host: PathBuf },
}

impl Kind {
    /// The component and the host that the environment names.
    pub(crate) fn component() -> Option<Self> {
        let path = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        Some(Self::Component { wasm: path("COMPONENT_WASM")?, host: path("COMPONENT_HOST")? })
    }

    /// Whether the host runs requests in parallel, each in an instance of its own.
    pub(crate) fn is_parallel(&self) -> bool {
        !matches!(self, Self::Component { host, .. } if host.ends_with("jco"))
    }

    /// Whether it answers browsers with pages.
    pub(crate) fn has_pages(&self) -> bool {
        matches!(self, Self::Native)
            || std::env::var_os("COMPONENT_PAGES").is_some_and(|v| v == "1")
    }

    fn command(&self, port: u16, variables: &[(&str, &str)]) -> Command {
        let mut command = match self {
            Self::Native => Command::new(env!("CARGO_BIN_EXE_rocket-otel-demo")),
            Self::Component { host, .. } => Command::new(host),
        };
        let kept = ["PATH", "HOME"].map(|name| (name, std::env::var_os(name).unwrap_or_default()));
        command.env_clear().envs(kept);
        match self {
            Self::Native => {
                command
                    .args(["serve", "--port", &port.to_string()])
                    .envs(variables.iter().copied());
            }
            Self::Component { wasm, .. } if self.is_parallel() => {
                command.args(["serve", "-S", "cli", "--addr", &format!("127.0.0.1:{port}")]);
                for (name, value) in variables {
                    command.arg("--env").arg(format!("{name}={value}"));
                }
                let more = std::env::var("COMPONENT_HOST_ARGS").unwrap_or_default();
                command.args(more.split_whitespace()).arg(wasm);
            }
            Self::Component { wasm, .. } => {
                command.arg("serve").arg(wasm);
                command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
                command.envs(variables.iter().copied());
            }
        }
        command
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("the server"),
            Self::Component { host, .. } => {
                let host = host.file_name().unwrap_or_default().to_string_lossy();
                write!(f, "the component under {host}")
            }
        }
    }
}

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    output: [Lines; 2],
}

impl Server {
    /// Starts it with only these variables, and waits until it answers.
    pub(crate) fn start(kind: &Kind, variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let mut child = kind
            .command(port, variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // jco starts a child: ending the group ends both.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{kind:?} does not start: {error}"));
        let stdout = Lines::of(child.stdout.take().expect("a pipe"));
        let output = [stdout, Lines::of(child.stderr.take().expect("a pipe"))];
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self { child, address, output };
        let deadline = Instant::now() + START;
        while !ask(address, "GET /health", &[]).is_ok_and(|answer| answer.status == 200) {
            let ended = server.child.try_wait().expect("our child");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{kind:?} does not answer:\n{}",
                server.output()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        self.output.iter().flat_map(Lines::so_far).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // Its process group, and no other process.
        let _ = Command::new("sh").args(["-c", &format!("kill -s KILL -- {group}")]).status();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.local_addr().expect("bound").port()
}

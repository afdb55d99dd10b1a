//! The servers, each as a process of its own on a free port of the loopback interface.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::http;

/// What a server may take to start: jco first translates the component to JavaScript.
const START: Duration = Duration::from_secs(120);

/// What serves.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Rocket.
    Native,
    /// The component, by a WASI host.
    Component { wasm: PathBuf, host: PathBuf },
}

impl Kind {
    /// The component and the host that the environment names.
    pub(crate) fn component() -> Option<Self> {
        let path = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        Some(Self::Component { wasm: path("COMPONENT_WASM")?, host: path("COMPONENT_HOST")? })
    }

    /// Whether each request may get an instance of its own, so that they run side by side.
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

/// A running server; dropping it ends it.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    output: Arc<Mutex<String>>,
}

impl Server {
    /// Starts it with these variables and no others, and waits until it answers.
    pub(crate) fn start(kind: &Kind, variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let mut child = kind
            .command(port, variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // jco has a child of its own: the group is what is ended.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{kind:?} does not start: {error}"));
        let output = Arc::new(Mutex::new(String::new()));
        gather(child.stdout.take().expect("it is piped"), &output);
        gather(child.stderr.take().expect("it is piped"), &output);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self { child, address, output };
        let deadline = Instant::now() + START;
        while !http::ask(address, "GET /health", &[]).is_ok_and(|answer| answer.status == 200) {
            let ended = server.child.try_wait().expect("it is our child");
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
        self.output.lock().expect("nobody panics with it").clone()
    }

    /// Whether it prints this within a second or so.
    pub(crate) fn printed(&self, text: &str) -> bool {
        (0..100).any(|_| {
            let found = self.output().contains(text);
            if !found {
                std::thread::sleep(Duration::from_millis(20));
            }
            found
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // Its own group, and nothing else, by its number.
        let _ = Command::new("sh").args(["-c", &format!("kill -s KILL -- {group}")]).status();
        let _ = self.child.wait();
    }
}

fn gather(pipe: impl std::io::Read + Send + 'static, output: &Arc<Mutex<String>>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut output = output.lock().expect("nobody panics with it");
            output.push_str(&line);
            output.push('\n');
        }
    });
}

fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.local_addr().expect("it is bound").port()
}

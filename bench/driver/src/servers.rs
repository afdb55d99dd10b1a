//! The servers, and the bare server of each.

use std::path::{Path, PathBuf};

/// The delay of an incomplete batch, for every server: the driver waits for the last batch.
const BATCH_DELAY_MS: &str = "1000";

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// The same framework without instrumentation; the server itself if it has none.
    pub(crate) bare: &'static str,
    pub(crate) command: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Whether it exports a span per request.
    pub(crate) spans: bool,
    /// Whether `--short` includes it.
    pub(crate) short: bool,
}

impl Server {
    pub(crate) fn with_env(&self, key: &str, value: impl ToString) -> Self {
        let mut server = self.clone();
        server.env.push((key.to_owned(), value.to_string()));
        server
    }
}

/// All servers with a binary.
pub(crate) fn all(bin: &Path, preload: Option<&Path>) -> Vec<Server> {
    let server = |name, bare, binary: &str| Server {
        name,
        bare,
        command: bin.join(binary),
        args: Vec::new(),
        env: vec![("OTEL_BSP_SCHEDULE_DELAY".into(), BATCH_DELAY_MS.into())],
        spans: name != bare,
        short: false,
    };
    let ours = server("ours", "rocket-bare", "rocket-ours");
    let mode = |name, key: &str, value: &str| {
        Server { name, spans: false, short: true, ..ours.clone() }.with_env(key, value)
    };
    let demo = server("demo", "rocket-bare", "rocket-otel-demo");
    let no_recent = Server { name: "demo-no-recent", ..demo.clone() };
    let go = |name, arg: &str| {
        let mut go = server(name, "go-bare", "bench-go");
        go.args.push(arg.to_owned());
        go
    };
    let flask = |name| {
        let mut flask = server(name, "flask-bare", "flask/bin/gunicorn");
        let args = "--worker-class gthread --workers 2 --threads 16 --keep-alive 30 \
                    --no-control-socket --log-level error app:app";
        flask.args.extend(args.split_whitespace().map(str::to_owned));
        flask
    };
    let short = |server| Server { short: true, ..server };
    let mut all = vec![
        server("hyper-bare", "hyper-bare", "hyper-bare"),
        server("actix-bare", "actix-bare", "actix-bare"),
        server("actix-otel", "actix-bare", "actix-otel"),
        short(server("axum-bare", "axum-bare", "axum-bare")),
        short(server("axum-tower", "axum-bare", "axum-tower")),
        server("axum-tracing", "axum-bare", "axum-tracing"),
        short(server("rocket-bare", "rocket-bare", "rocket-bare")),
        short(ours.clone()),
        mode("ours-sampled-out", "OTEL_TRACES_SAMPLER", "always_off"),
        mode("ours-disabled", "OTEL_SDK_DISABLED", "true"),
        demo,
        no_recent.with_env("RECENT_TRACES_MAX", 0),
        short(server("rocket-naive", "rocket-bare", "rocket-naive")),
        go("go-bare", "bare"),
        go("go-otel", "otel"),
        flask("flask-bare"),
        flask("flask-otel").with_env("OTEL", "1"),
    ];
    if let Some(library) = preload {
        all.iter_mut().for_each(|s| *s = s.with_env("LD_PRELOAD", library.display()));
    }
    all.retain(|server| server.command.exists());
    all
}

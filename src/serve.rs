//! The `serve` command: from the variables to the last span.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry_autoconfigure::{Config, ExporterStatus, Telemetry, Variables};
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::figment::providers::Env;
use rocket::futures::FutureExt;
use rocket::{Build, Rocket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::app::{build, telemetry_defaults};
use crate::cli::ServeArgs;
use crate::dashboard::Dashboard;
use crate::logging;

/// Seconds for requests in flight to end after a signal: more than the slowest endpoint needs.
/// Rocket waits for all of it while any connection is open, even an idle one.
const GRACE: u32 = 2;

/// Seconds for connections to close after that.
const MERCY: u32 = 1;

/// Interval at which to check whether connections have ended.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// An invalid `ROCKET_*` variable.
#[derive(Debug, thiserror::Error)]
#[error("ROCKET_{0}: {1}")]
pub struct InvalidSetting(String, rocket::figment::error::Kind);

/// Serves until a signal arrives. By the end every span is exported, or counted as dropped.
///
/// # Errors
/// A variable is invalid ([`ConfigError`](opentelemetry_autoconfigure::ConfigError),
/// [`InvalidSetting`]), or the server or the telemetry cannot start.
pub fn serve(serve: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::with_defaults(&Variables::from_process(), &telemetry_defaults())?;
    let figment = figment(serve)?;
    let workers = figment.extract_inner("workers").unwrap_or(1).max(1);
    let dashboard = Dashboard::build(Telemetry::builder(config), &serve.settings)?;
    let telemetry = dashboard.telemetry().clone();
    telemetry.install_providers();
    telemetry.install_propagator();
    telemetry.install_logger(logging::without_rocket_details(telemetry.logger()))?;

    raise_open_files();
    let rocket = build(figment, dashboard, &serve.settings)?.attach(greeting());
    let result = run(rocket, workers, serve);
    // On a thread of no runtime, after the last request: nothing can block it, and it blocks nothing.
    report(&telemetry.shutdown());
    result
}

/// Rocket's defaults, then `ROCKET_*` variables, then the command line. Files in the current
/// directory have no influence.
fn figment(serve: &ServeArgs) -> Result<Figment, InvalidSetting> {
    let figment = Figment::from(rocket::Config::default())
        .merge(("shutdown.grace", GRACE))
        .merge(("shutdown.mercy", MERCY))
        .merge(Env::prefixed("ROCKET_").ignore(&["profile"]).global())
        .merge(("address", serve.address))
        .merge(("port", serve.port))
        .merge(("cli_colors", false));
    figment
        .extract::<rocket::Config>()
        .map_err(|error| InvalidSetting(error.path.join("_").to_ascii_uppercase(), error.kind))?;
    Ok(figment)
}

/// Raises the limit of open files to its maximum. A connection is an open file, and many systems
/// start with 1,024, which idle clients would soon exhaust.
fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        log::debug!("cannot raise the limit of open files: {error}");
    }
}

fn run(rocket: Rocket<Build>, workers: usize, serve: &ServeArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("rocket-worker-thread")
        .enable_all()
        .build()
        .context("cannot start the server's threads")?;
    let result = runtime.block_on(launch(rocket)).map_err(|error| explain(&error, serve));
    // Drops what is still running, which ends its spans.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// Launches, and gives requests in flight their grace. Rocket gives them none if the signal arrives
/// between its polls of the signal and of the listener.
async fn launch(rocket: Rocket<Build>) -> Result<(), rocket::Error> {
    let rocket = rocket.ignite().await?;
    let signal = tokio::spawn(rocket.shutdown().map(|()| Instant::now()));
    let result = rocket.launch().await.map(drop);
    if let Err(error) = &result
        && let ErrorKind::Shutdown(rocket, None) = error.kind()
        && let Ok(Ok(signalled)) = timeout(POLL_INTERVAL, signal).await
    {
        let config = &rocket.config().shutdown;
        let time = Duration::from_secs((config.grace + config.mercy).into());
        let connections_end = async {
            // Every connection holds a reference to the server, and so does the error.
            while Arc::strong_count(rocket) > 1 {
                sleep(POLL_INTERVAL).await;
            }
        };
        if timeout_at(signalled + time, connections_end).await.is_ok() {
            return Ok(());
        }
    }
    result
}

fn greeting() -> AdHoc {
    AdHoc::on_liftoff("Greeting", |rocket| {
        Box::pin(async move {
            let address = SocketAddr::new(rocket.config().address, rocket.config().port);
            log::info!("serving on http://{address} - open it in a browser to see its traces");
        })
    })
}

/// Why Rocket did not launch or end, in one line.
fn explain(error: &rocket::Error, serve: &ServeArgs) -> anyhow::Error {
    let address = SocketAddr::new(serve.address, serve.port);
    match error.kind() {
        ErrorKind::Bind(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!(
                "{address} is already in use: end the program that uses it, or choose another \
                 port with --port"
            )
        }
        ErrorKind::Bind(error) => anyhow::anyhow!("cannot listen on {address}: {error}"),
        ErrorKind::Shutdown(..) => anyhow::anyhow!("some requests did not end in time"),
        other => anyhow::anyhow!("the server did not start: {other}"),
    }
}

/// Logs what each exporter has exported and dropped. Dropped spans are no failure of the server.
fn report(exporters: &[ExporterStatus]) {
    for ExporterStatus { signal, exporter, exported, dropped, detail, .. } in exporters {
        let detail = detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        if *dropped > 0 {
            log::warn!("{signal}: {exported} exported by {exporter}, {dropped} lost{detail}");
        } else {
            log::info!("{signal}: {exported} exported by {exporter}, none lost");
        }
    }
}

//! The server's life: from the variables to the last span.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::figment::providers::Env;
use rocket::{Build, Rocket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::{sleep, timeout};

use super::app::{Settings, build, telemetry_defaults};
use super::recent_traces::Observed;
use opentelemetry_autoconfigure::{Config, ExporterStatus, Telemetry, Variables};

/// How long requests in flight may go on after a signal, in seconds: more than the slowest
/// endpoint takes. Rocket waits for all of it while any connection is open, an idle one too.
const GRACE: u32 = 2;

/// How long connections then have to close, in seconds.
const MERCY: u32 = 1;

/// Between two looks at whether connections have ended.
const GLANCE: Duration = Duration::from_millis(10);

/// What `serve` is told.
#[derive(Clone, Debug)]
pub struct Serve {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// The application's settings.
    pub settings: Settings,
}

/// Serves until a signal ends it. All spans are exported by then, or counted as lost.
///
/// # Errors
/// A variable that will not do ([`ConfigError`](opentelemetry_autoconfigure::ConfigError)), or a server or
/// telemetry that cannot start.
pub fn serve(serve: &Serve) -> anyhow::Result<()> {
    let config = Config::with_defaults(&Variables::from_process(), &telemetry_defaults())?;
    let figment = figment(serve)?;
    let observed = Observed::build(Telemetry::builder(config), serve.settings.recent_traces)?;
    let telemetry = observed.telemetry.clone();
    telemetry.install()?;

    raise_open_files();
    let launched = run(figment, Arc::new(observed), serve);
    // On a plain thread, with all requests ended: nothing that it waits for can wait for it.
    report(&telemetry.shutdown());
    launched
}

/// Rocket's defaults, then `ROCKET_*` variables, then what the command line says. No file of the
/// current directory has a say.
fn figment(serve: &Serve) -> anyhow::Result<Figment> {
    let figment = Figment::from(rocket::Config::default())
        .merge(("shutdown.grace", GRACE))
        .merge(("shutdown.mercy", MERCY))
        .merge(Env::prefixed("ROCKET_").ignore(&["profile"]).global())
        .merge(("address", serve.address))
        .merge(("port", serve.port))
        .merge(("cli_colors", false));
    match figment.extract::<rocket::Config>() {
        Ok(_) => Ok(figment),
        Err(error) => {
            let error = error.into_iter().next().map_or_else(String::new, |error| {
                let name = error.path.join("_").to_ascii_uppercase();
                format!("ROCKET_{name}: {}", error.kind)
            });
            Err(BadSetting(error).into())
        }
    }
}

/// A `ROCKET_*` variable that will not do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSetting(String);

/// Lets the process have as many files open as it may ask for: a connection is one, and many systems
/// start with 1,024, which idle clients would soon hold all of.
fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        log::debug!("no more open files than before: {error}");
    }
}

fn run(figment: Figment, observed: Arc<Observed>, serve: &Serve) -> anyhow::Result<()> {
    let workers = figment.extract_inner("workers").unwrap_or(1).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("rocket-worker-thread")
        .enable_all()
        .build()
        .context("no threads for the server")?;
    let rocket = build(figment, observed, &serve.settings)?.attach(greeting());
    let result =
        runtime.block_on(async { launch(rocket).await.map_err(|error| explain(&error, serve)) });
    // What outlived the grace is dropped now, and its spans end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// Launches, and sees to it that requests in flight have their time to end: where a signal comes
/// between Rocket's looks at the signal and at the listener, Rocket gives them none.
async fn launch(rocket: Rocket<Build>) -> Result<(), rocket::Error> {
    let rocket = rocket.ignite().await?;
    let shutdown = rocket.shutdown();
    let asked = tokio::spawn(async move {
        shutdown.await;
        Instant::now()
    });
    let ended = rocket.launch().await.map(drop);
    if let Err(error) = &ended
        && let ErrorKind::Shutdown(rocket, None) = error.kind()
        && let Ok(Ok(asked)) = timeout(GLANCE, asked).await
    {
        let config = &rocket.config().shutdown;
        let time = Duration::from_secs((config.grace + config.mercy).into());
        // Every connection holds the server; the error is the last to do so.
        while Arc::strong_count(rocket) > 1 {
            if asked.elapsed() > time {
                return ended;
            }
            sleep(GLANCE).await;
        }
        return Ok(());
    }
    ended
}

fn greeting() -> AdHoc {
    AdHoc::on_liftoff("Greeting", |rocket| {
        Box::pin(async move {
            let address = SocketAddr::new(rocket.config().address, rocket.config().port);
            log::info!("serving on http://{address} - open it in a browser to see its traces");
        })
    })
}

/// Why Rocket did not launch, in one line.
fn explain(error: &rocket::Error, serve: &Serve) -> anyhow::Error {
    let address = SocketAddr::new(serve.address, serve.port);
    match error.kind() {
        ErrorKind::Bind(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!(
                "{address} is already in use: end who uses it, or choose another with --port"
            )
        }
        ErrorKind::Bind(error) => anyhow::anyhow!("cannot listen on {address}: {error}"),
        ErrorKind::Shutdown(..) => anyhow::anyhow!("some requests did not end in time"),
        other => anyhow::anyhow!("the server did not start: {other}"),
    }
}

/// Tells what became of the telemetry. What was lost is no failure of the server: it ends with 0.
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

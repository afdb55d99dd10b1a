//! Tests of a running deployment: `runner` and `healthcheck`, which speak HTTP only and share no code
//! with the server. They can test any deployment, and do not repeat the server's mistakes.
//!
//! # Layout
//! `args` is the command line of `runner`, `plan` its requests and the spans it expects, in the
//! vocabulary of `expected`. A run is `functional`, then `load`, then `verify`, which reads Jaeger's
//! traces with `otlp` and compares them with the plan (`compare`). `report` is the output.
//! [`healthcheck`] is a command of its own; [`options`] is what all command lines share.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget};
use reqwest::{Client, redirect};

use expected::Request;
use functional::Outcome;
use report::{RULE, Report, Verification};

pub use args::RunnerArgs;

mod args;
mod compare;
mod expected;
mod functional;
pub mod healthcheck;
mod load;
pub mod options;
mod otlp;
mod plan;
mod report;
mod verify;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

/// `/health` responds in under 5 ms.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// The slowest endpoint responds in 700 ms, and may have to queue.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs and prints all tests. Succeeds only if every check passes.
///
/// # Errors
/// If the output or the report cannot be written.
///
/// # Panics
/// If the process has no default TLS provider.
pub async fn run(args: RunnerArgs) -> anyhow::Result<ExitCode> {
    let (mut out, mut bar): (Box<dyn Write>, _) =
        (Box::new(io::stdout()), ProgressDrawTarget::stdout());
    // First, so that an invalid name fails before the tests.
    let json: Option<Box<dyn Write>> = match args.json.as_deref() {
        None => None,
        Some(path) if path == Path::new("-") => {
            (out, bar) = (Box::new(io::stderr()), ProgressDrawTarget::stderr());
            Some(Box::new(io::stdout()))
        }
        Some(path) => {
            let context = || format!("cannot create --json {}", path.display());
            Some(Box::new(File::create(path).with_context(context)?))
        }
    };
    let report = test_all(&args, &mut out, bar).await?;
    if let Some(mut json) = json {
        let text = serde_json::to_string_pretty(&report)?;
        writeln!(json, "{text}").context("cannot write the --json report")?;
    }
    if !report.responding {
        eprintln!("Error: App is not responding at {}", report.base_url);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The bar appears on a terminal only.
async fn test_all(
    args: &RunnerArgs,
    out: &mut impl Write,
    bar: ProgressDrawTarget,
) -> anyhow::Result<Report> {
    let &RunnerArgs { ref base_url, requests, workers, repeat, ref verify, .. } = args;
    let client = client(args.uses_https())?;
    let bar = ProgressBar::with_draw_target(None, bar);
    let mut report = Report { base_url: base_url.clone(), ..Report::default() };

    writeln!(out, "{RULE}\nOTEL Demo App - Test Suite\n{RULE}")?;
    let health = test(&client, base_url, &plan::HEALTH, HEALTH_TIMEOUT, out).await?;
    report.responding = health.status == Some(plan::HEALTH.status);
    report.functional.push(health);
    if !report.responding {
        return Ok(report.concluded());
    }
    for number in 1..=repeat {
        if repeat > 1 {
            writeln!(out, "[*] Run {number} of {repeat}\n")?;
        }
        writeln!(out, "[*] Running functional tests...")?;
        for request in plan::FUNCTIONAL {
            let outcome = test(&client, base_url, request, REQUEST_TIMEOUT, out).await?;
            report.functional.push(outcome);
        }
        writeln!(out, "[*] Running load tests...")?;
        writeln!(out, "[*] Generating {requests} requests for load testing...")?;
        bar.reset();
        bar.set_length(requests.into());
        let figures = load::run(&client, base_url, requests, workers, &bar).await?;
        bar.finish_and_clear();
        write!(out, "{figures}")?;
        report.load.push(figures);
    }
    // Last: the load covers the exporter's delay.
    if let Some(url) = verify {
        writeln!(out, "[*] Verifying traces in Jaeger at {url}...")?;
        let deadline = Instant::now() + verify::TIMEOUT;
        let mut traces = Vec::new();
        // A request without a response has already failed, and has no trace.
        for outcome in report.functional.iter().filter(|outcome| outcome.status.is_some()) {
            let verified = verify::verify(&client, url, deadline, outcome).await;
            write!(out, "{verified}")?;
            traces.push(verified);
        }
        writeln!(out)?;
        report.verification = Some(Verification { jaeger_url: url.clone(), traces });
    }
    let report = report.concluded();
    write!(out, "{}", report.closing(args.jaeger_ui()))?;
    Ok(report)
}

fn client(https: bool) -> anyhow::Result<Client> {
    let client = Client::builder();
    // Plain HTTP must work without root certificates, as in a minimal container.
    let client = if https { client } else { client.tls_certs_only([]) };
    // No proxy, even from the environment: the latencies are the application's.
    // No redirects: an endpoint that has moved does not respond as planned.
    client
        .user_agent(plan::USER_AGENT)
        .timeout(REQUEST_TIMEOUT)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .build()
        .context("cannot create an HTTP client")
}

async fn test(
    client: &Client,
    base_url: &str,
    request: &'static Request,
    timeout: Duration,
    out: &mut impl Write,
) -> anyhow::Result<Outcome> {
    // Before the request, so that the output shows one that hangs.
    writeln!(out, "[*] Testing GET {}", request.target)?;
    let outcome = functional::test(client, base_url, request, timeout).await;
    write!(out, "{outcome}")?;
    Ok(outcome)
}

//! Tests of a running deployment: `runner` and `healthcheck`, which speak HTTP only and share no code
//! with the server. They can test any deployment, and do not repeat the server's mistakes.
//!
//! # Layout
//! `args` is the command line of `runner`, `plan` its requests and the spans it expects, in the
//! vocabulary of `expected`. A run is `functional`, then `load`, then `verify`, which reads Jaeger's
//! traces with `otlp` and compares them with the plan (`compare`, `problem`). `report` prints.
//! [`healthcheck`] is a command of its own; [`options`] is what all command lines share.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget};
use reqwest::{Client, redirect};

use base_url::BaseUrl;
use expected::Request;
use report::{Console, Report, Verification};
use verify::Jaeger;

pub use args::RunnerArgs;

mod args;
mod base_url;
mod compare;
mod expected;
mod functional;
pub mod healthcheck;
mod load;
pub mod options;
mod otlp;
mod plan;
mod problem;
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
    // First, so that an invalid name fails before the tests.
    let json = args.json.as_deref().map(create).transpose()?;
    let (out, bar): (Box<dyn Write + Send>, _) = if args.json.as_deref() == Some(Path::new(STDOUT))
    {
        (Box::new(io::stderr()), ProgressDrawTarget::stderr())
    } else {
        (Box::new(io::stdout()), ProgressDrawTarget::stdout())
    };
    let report = Run::new(&args, out, bar)?.complete().await?;
    if let Some(mut json) = json {
        report.write_json(&mut json).context("cannot write the --json report")?;
    }
    if !report.responding {
        eprintln!("Error: App is not responding at {}", report.base_url);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The FILE of `--json` that is stdout.
const STDOUT: &str = "-";

fn create(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    if path == Path::new(STDOUT) {
        return Ok(Box::new(io::stdout()));
    }
    let file =
        File::create(path).with_context(|| format!("cannot create --json {}", path.display()))?;
    Ok(Box::new(file))
}

/// A run in progress.
struct Run<'a, W> {
    args: &'a RunnerArgs,
    client: Client,
    console: Console<W>,
    bar: ProgressBar,
    report: Report,
}

impl<'a, W: Write> Run<'a, W> {
    /// The bar appears on a terminal only.
    fn new(args: &'a RunnerArgs, out: W, bar: ProgressDrawTarget) -> anyhow::Result<Self> {
        let client = Client::builder();
        // Plain HTTP must work without root certificates, as in a minimal container.
        let client = if args.uses_https() { client } else { client.tls_certs_only([]) };
        // No proxy, even from the environment: the latencies are the application's.
        // No redirects: an endpoint that has moved does not respond as planned.
        let client = client
            .user_agent(plan::USER_AGENT)
            .timeout(REQUEST_TIMEOUT)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .context("cannot create an HTTP client")?;
        let bar = ProgressBar::with_draw_target(None, bar);
        Ok(Self {
            args,
            client,
            console: Console::new(out),
            bar,
            report: Report::new(&args.base_url),
        })
    }

    async fn complete(mut self) -> anyhow::Result<Report> {
        self.console.banner()?;
        let status = self.test(&plan::HEALTH, HEALTH_TIMEOUT).await?;
        self.report.responding = status == Some(plan::HEALTH.status);
        if !self.report.responding {
            return Ok(self.report.concluded());
        }
        for number in 1..=self.args.repeat {
            if self.args.repeat > 1 {
                self.console.repetition(number, self.args.repeat)?;
            }
            self.console.functional()?;
            for request in plan::FUNCTIONAL {
                self.test(request, REQUEST_TIMEOUT).await?;
            }
            self.load().await?;
        }
        // Last: the load covers the exporter's delay.
        if let Some(url) = &self.args.verify {
            self.verify(url).await?;
        }
        let report = self.report.concluded();
        self.console.closing(&report, &self.args.jaeger_ui())?;
        Ok(report)
    }

    async fn test(
        &mut self,
        request: &'static Request,
        timeout: Duration,
    ) -> anyhow::Result<Option<u16>> {
        self.console.testing(request)?;
        let outcome = functional::test(&self.client, &self.args.base_url, request, timeout).await;
        self.console.outcome(&outcome)?;
        let status = outcome.status;
        self.report.functional.push(outcome);
        Ok(status)
    }

    async fn load(&mut self) -> anyhow::Result<()> {
        let &RunnerArgs { ref base_url, requests, workers, .. } = self.args;
        self.console.load(requests)?;
        self.bar.reset();
        self.bar.set_length(requests.into());
        let figures = load::run(&self.client, base_url, requests, workers, &self.bar).await?;
        self.bar.finish_and_clear();
        self.console.figures(&figures)?;
        self.report.load.push(figures);
        Ok(())
    }

    async fn verify(&mut self, url: &BaseUrl) -> anyhow::Result<()> {
        self.console.verifying(url)?;
        let jaeger = Jaeger::new(self.client.clone(), url.clone(), verify::TIMEOUT);
        let mut traces = Vec::new();
        // A request without a response has already failed, and has no trace.
        for outcome in self.report.functional.iter().filter(|outcome| outcome.status.is_some()) {
            let verified = jaeger.verify(outcome).await;
            self.console.verified(&verified)?;
            traces.push(verified);
        }
        self.console.all_verified()?;
        self.report.verification = Some(Verification { jaeger_url: url.to_string(), traces });
        Ok(())
    }
}

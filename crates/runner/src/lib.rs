//! `runner`: functional tests, then load, then a look at the traces they left, against a running
//! application.
//!
//! It speaks HTTP only and shares no code with the server, so that it can test any deployment, and
//! so that a mistake in the server's code cannot repeat itself in its test. `plan` says what is
//! asked and expected.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

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
mod load;
mod otlp;
mod plan;
mod problem;
mod report;
mod tls;
mod verify;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

/// The application answers `/health` in under 5 ms: one that takes this long is not there.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// The slowest endpoint takes 700 ms; this leaves room for a queue, and still ends.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs everything and prints it; succeeds only if every check held.
///
/// # Errors
/// When the run itself cannot go on: the output or the report cannot be written.
pub async fn run(args: RunnerArgs) -> anyhow::Result<ExitCode> {
    // First of all, so that a mistake in the name shows before the work and not after it.
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

/// The FILE of `--json` that is no file.
const STDOUT: &str = "-";

fn create(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    if path == Path::new(STDOUT) {
        return Ok(Box::new(io::stdout()));
    }
    let file =
        File::create(path).with_context(|| format!("cannot create --json {}", path.display()))?;
    Ok(Box::new(file))
}

/// One run, as far as it has come.
struct Run<'a, W> {
    args: &'a RunnerArgs,
    client: Client,
    console: Console<W>,
    bar: ProgressBar,
    report: Report,
}

impl<'a, W: Write> Run<'a, W> {
    /// The bar shows itself on a terminal only: in a log it would be noise.
    fn new(args: &'a RunnerArgs, out: W, bar: ProgressDrawTarget) -> anyhow::Result<Self> {
        // No proxy, not even one from the environment: the figures are to be the application's.
        // No redirects: an endpoint that moved does not answer as planned.
        let client = crate::tls::client_for(args.scheme())
            .user_agent(plan::USER_AGENT)
            .timeout(REQUEST_TIMEOUT)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .context("no HTTP client")?;
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
        // Last, for then the exporter's delay has passed while the load ran.
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
        // A request without an answer is a failure already, and has no trace to wait for.
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

//! What the pages show: the exporters and the recent traces of this process.

use std::sync::Arc;

use opentelemetry_autoconfigure::{ExporterStatus, Telemetry, TelemetryBuilder};
use pages::{ErrorPage, IndexPage, Lists, Recent};
use rocket::http::Status;
use url::Url;

use crate::app::Settings;
use crate::recent_traces::RecentTraces;
use crate::responders::Html;
use crate::trace_view::TraceView;

/// Traces on the page. It is fetched again at every change, and 100 traces of 5 spans are 700 KB.
const SHOWN: usize = 25;

const DISABLED: &str = "Recent traces are disabled. To enable them, set RECENT_TRACES_MAX above 0 \
    and leave OTEL_SDK_DISABLED unset";

/// The telemetry and the traces that it has recorded lately: managed state.
#[derive(Debug)]
pub struct Dashboard {
    telemetry: Arc<Telemetry>,
    recent: Option<Arc<RecentTraces>>,
    jaeger_ui: Option<String>,
}

impl Dashboard {
    /// Builds the telemetry, with a store of recent traces unless the store or the SDK is disabled.
    ///
    /// # Errors
    /// As [`TelemetryBuilder::build`].
    pub fn build(telemetry: TelemetryBuilder, settings: &Settings) -> anyhow::Result<Self> {
        let limits = settings.recent_traces;
        let recent = (limits.max_traces > 0).then(|| Arc::new(RecentTraces::new(limits)));
        let telemetry = match &recent {
            Some(recent) => telemetry.with_span_listener(recent.clone()),
            None => telemetry,
        };
        let telemetry = Arc::new(telemetry.build()?);
        let recent = recent.filter(|_| !telemetry.config().disabled);
        Ok(Self { telemetry, recent, jaeger_ui: settings.jaeger_ui.as_ref().map(Url::to_string) })
    }

    /// The telemetry.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The recent traces, with every span that has ended by now; `None` if they are disabled.
    #[must_use]
    pub fn recent(&self) -> Option<&RecentTraces> {
        self.telemetry.deliver_spans();
        self.recent.as_deref()
    }

    fn service(&self) -> &str {
        &self.telemetry.config().service_name
    }

    /// The recent traces for reading, newest first; `None` if they are disabled.
    pub(crate) fn traces(&self) -> Option<Vec<TraceView>> {
        Some(TraceView::newest_first(&self.recent()?.newest_first(), self.service()))
    }

    fn state(&self, kept: usize) -> Recent {
        Recent {
            enabled: self.recent.is_some(),
            kept,
            max_traces: self.recent.as_ref().map_or(0, |recent| recent.limits.max_traces),
            off_hint: DISABLED,
        }
    }

    fn lists(&self) -> Lists<ExporterStatus, TraceView> {
        let mut traces = self.traces().unwrap_or_default();
        let recent = self.state(traces.len());
        traces.truncate(SHOWN);
        let exporters = self.telemetry.exporter_status();
        Lists { exporters, jaeger_ui_url: self.jaeger_ui.clone(), recent, traces }
    }

    /// The start page.
    pub(crate) fn index_page(&self) -> Html {
        Html::render("index.html", &IndexPage::new(self.service(), self.lists()))
    }

    /// The part of the start page that changes while it is open.
    pub(crate) fn fragment(&self) -> Html {
        Html::render("traces.html", &self.lists())
    }

    /// The page of an error at `path`.
    pub(crate) fn error_page(&self, status: Status, message: &str, path: &str) -> Html {
        let status = (status.code, status.reason_lossy());
        let page = ErrorPage::new(self.service(), self.state(0), status, message, path);
        Html::render("error.html", &page)
    }
}

//! Hears of partial success: an export that the backend took, but for some items.
//!
//! The OTLP exporters answer `Ok` to it and tell the number only in a `tracing` event. So each
//! poll of an export runs under a subscriber of its own, that hears this one event.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll};

use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Event, LevelFilter, Metadata, Subscriber, dispatcher};

/// What a backend refused of one export.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rejected {
    /// Items refused.
    pub(crate) count: u64,
    /// The backend's reason.
    pub(crate) message: String,
}

/// Runs an export and answers what it answers, with what the backend refused.
pub(crate) async fn listening<F: Future>(export: F) -> (F::Output, Option<Rejected>) {
    Scoped { inner: pin!(export), rejected: None }.await
}

/// One for all exports: each new subscriber makes `tracing` ask about every event that a program
/// knows of anew.
static LISTENER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Listener));

thread_local! {
    /// What the listener heard in this thread's current poll.
    static HEARD: Cell<Option<Rejected>> = const { Cell::new(None) };
}

struct Scoped<'a, F> {
    inner: Pin<&'a mut F>,
    rejected: Option<Rejected>,
}

impl<F: Future> Future for Scoped<'_, F> {
    type Output = (F::Output, Option<Rejected>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = {
            let _scope = dispatcher::set_default(&LISTENER);
            self.inner.as_mut().poll(cx)
        };
        let heard = HEARD.take();
        if heard.is_some() {
            self.rejected = heard;
        }
        polled.map(|output| (output, self.rejected.take()))
    }
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.name().ends_with("PartialSuccess")
    }

    /// It is told as a warning. What is less, and HTTP/2 traces every frame, is not even looked at.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        if self.enabled(event.metadata()) {
            let mut rejected = Rejected::default();
            event.record(&mut rejected);
            HEARD.set(Some(rejected));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Rejected {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name().starts_with("rejected_") {
            self.count = u64::try_from(value).unwrap_or(0);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "error_message" {
            value.clone_into(&mut self.message);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

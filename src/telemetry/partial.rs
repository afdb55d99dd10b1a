//! Hears of partial success: an export that the backend took, but for some items.
//!
//! The OTLP exporters answer `Ok` to it and tell the number only in a `tracing` event. So each
//! poll of an export runs under a subscriber of its own, that hears this one event.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Event, Metadata, Subscriber, dispatcher};

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
    let heard = Arc::new(Mutex::new(None));
    let dispatch = Dispatch::new(Listener(heard.clone()));
    let output = Scoped { dispatch, inner: pin!(export) }.await;
    let rejected = heard.lock().unwrap_or_else(PoisonError::into_inner).take();
    (output, rejected)
}

struct Scoped<'a, F> {
    dispatch: Dispatch,
    inner: Pin<&'a mut F>,
}

impl<F: Future> Future for Scoped<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _scope = dispatcher::set_default(&self.dispatch);
        self.inner.as_mut().poll(cx)
    }
}

struct Listener(Arc<Mutex<Option<Rejected>>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.name().ends_with("PartialSuccess")
    }

    fn event(&self, event: &Event<'_>) {
        if self.enabled(event.metadata()) {
            let mut rejected = Rejected::default();
            event.record(&mut rejected);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(rejected);
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

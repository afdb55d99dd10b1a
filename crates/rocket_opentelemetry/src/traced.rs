//! Wrappers around routes and catchers that make the request's context current.
//!
//! A fairing cannot do that: it is over before the handler runs. Rocket's routes and catchers can
//! be wrapped when they are mounted, and then every poll of a handler, and of the guards before
//! it, runs inside the context of its request, on whatever thread it happens.

use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use opentelemetry::Context;
use rocket::http::Status;
use rocket::route::Outcome as RouteOutcome;
use rocket::{Catcher, Data, Request, Route, catcher, route};

use super::recorder::{Parents, Recorder, Tracked};
use super::span::{AnsweringRoute, RequestSpan};
use opentelemetry_http_semconv::response::{RouteName, span_name};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Routes or catchers whose guards and handlers run inside the span of their request.
///
/// ```
/// use rocket::{catch, catchers, get, routes};
/// use rocket_opentelemetry::traced;
///
/// #[get("/")]
/// fn index() -> &'static str { "hello" }
/// #[catch(404)]
/// fn not_found() -> &'static str { "nothing here" }
///
/// let rocket = rocket::build()
///     .mount("/", traced(routes![index]))
///     .register("/", traced(catchers![not_found]));
/// ```
#[must_use = "mount the routes, or register the catchers, that this returns"]
pub fn traced<T: Traceable>(items: Vec<T>) -> Vec<T> {
    items.into_iter().map(Traceable::traced).collect()
}

/// What [`traced`] can wrap: Rocket's routes and catchers.
pub trait Traceable: sealed::Sealed {
    /// The same route or catcher, running inside the span of its request.
    #[must_use]
    fn traced(self) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for rocket::Route {}
    impl Sealed for rocket::Catcher {}
}

impl Traceable for Route {
    fn traced(mut self) -> Self {
        let inner = self.handler;
        self.handler = Box::new(TracedRoute::new(inner));
        self
    }
}

impl Traceable for Catcher {
    fn traced(mut self) -> Self {
        self.handler = Box::new(TracedCatcher { inner: self.handler });
        self
    }
}

/// The names of a route, made at its first request: a route learns its base when it is mounted.
#[derive(Clone)]
struct Names {
    method: &'static str,
    route: AnsweringRoute,
}

struct TracedRoute {
    inner: Box<dyn route::Handler>,
    names: OnceLock<Names>,
    /// What hands contexts on, where no request is recorded: known at the first request.
    passing: OnceLock<Option<Arc<Parents>>>,
}

impl Clone for TracedRoute {
    /// A clone may be mounted at another base, so it makes names of its own.
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl TracedRoute {
    fn new(inner: Box<dyn route::Handler>) -> Self {
        Self { inner, names: OnceLock::new(), passing: OnceLock::new() }
    }

    fn name(&self, request: &Request<'_>, span: &RequestSpan) -> Option<AnsweringRoute> {
        let method = span.method();
        let names = if let Some(names) = self.names.get() {
            names
        } else {
            let template = intern(request.route()?.uri.path().to_owned());
            let span = intern(span_name(method, template));
            let name = RouteName { template: template.into(), span: span.into() };
            let route = AnsweringRoute { name, durations: Some(Arc::default()) };
            self.names.get_or_init(|| Names { method, route })
        };
        let mut route = names.route.clone();
        if names.method != method {
            // HEAD on a GET route, mostly: rare enough to pay for a name each time.
            route.name.span = Cow::Owned(span_name(method, &route.name.template));
        }
        Some(route)
    }
}

/// Names that live as long as the program: two a route, and routes are mounted once.
fn intern(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}

impl route::Handler for TracedRoute {
    // Written out as `async_trait` would, so that an untracked request costs no second box.
    fn handle<'r, 'life0, 'life1, 'async_trait>(
        &'life0 self,
        request: &'r Request<'life1>,
        data: Data<'r>,
    ) -> BoxFuture<'async_trait, RouteOutcome<'r>>
    where
        'r: 'async_trait,
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        let passing = self.passing.get_or_init(|| request.rocket().state().cloned());
        let tracked = match passing.as_deref().map(|parents| parents.if_any(request)) {
            Some(None) => return self.inner.handle(request, data),
            Some(Some(cx)) => request.local_cache(|| Tracked::Passing(cx)),
            None => Tracked::of(request),
        };
        let Some(cx) = tracked.context() else {
            return self.inner.handle(request, data);
        };
        let span = tracked.span();
        if let Some(span) = span {
            span.set_route(self.name(request, span));
        }
        let ended = |span: &RequestSpan, outcome: &RouteOutcome<'r>| {
            // The route did not match after all; what answers is another one, or none.
            if outcome.is_forward() {
                span.set_route(None);
            }
        };
        Box::pin(InContext { inner: self.inner.handle(request, data), cx, span, ended })
    }
}

#[derive(Clone)]
struct TracedCatcher {
    inner: Box<dyn catcher::Handler>,
}

impl catcher::Handler for TracedCatcher {
    fn handle<'r, 'life0, 'life1, 'async_trait>(
        &'life0 self,
        status: Status,
        request: &'r Request<'life1>,
    ) -> BoxFuture<'async_trait, catcher::Result<'r>>
    where
        'r: 'async_trait,
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        // Rocket shows a request that it could not read to no fairing, only to the catcher of 400.
        let unseen = request.local_cache(|| {
            let passing = request.rocket().state::<Arc<Parents>>();
            if let Some(cx) = passing.and_then(|parents| parents.if_any(request)) {
                return Tracked::Passing(cx);
            }
            let recorder = request.rocket().state::<Arc<Recorder>>();
            let recorder = recorder.filter(|_| status == Status::BadRequest);
            recorder.map_or(Tracked::Not, |recorder| Tracked::Span(recorder.unreadable(request)))
        });
        let Some(cx) = unseen.context() else {
            return self.inner.handle(status, request);
        };
        let span = unseen.span();
        let ended = |span: &RequestSpan, answer: &catcher::Result<'r>| {
            // No response fairing will see the answer to an unreadable request.
            if let Ok(response) = answer {
                span.set_status(response.status().code);
            }
        };
        Box::pin(InContext { inner: self.inner.handle(status, request), cx, span, ended })
    }
}

/// A future polled inside a context. It tells the request's span how it ended, and of a panic, which
/// it lets go on.
struct InContext<'a, T, E> {
    inner: BoxFuture<'a, T>,
    cx: &'a Context,
    span: Option<&'a RequestSpan>,
    ended: E,
}

impl<T, E: Fn(&RequestSpan, &T) + Unpin> Future for InContext<'_, T, E> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<T> {
        let _current = self.cx.clone().attach();
        // After a panic the future is not polled again: Rocket catches the panic and drops it.
        let polled = catch_unwind(AssertUnwindSafe(|| self.inner.as_mut().poll(task)));
        let polled = polled.unwrap_or_else(|panic| {
            if let Some(span) = self.span {
                span.panicked(panic_message(panic.as_ref()));
            }
            resume_unwind(panic)
        });
        if let (Poll::Ready(output), Some(span)) = (&polled, self.span) {
            (self.ended)(span, output);
        }
        polled
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

//! Step 5: the wrappers around routes and catchers that make the request's context current.
//!
//! A fairing cannot do that: it is over before the handler runs. A route or catcher can be wrapped
//! when it is mounted. Then every poll of its handler, and of the guards before it, runs inside the
//! context of its request, on whatever thread.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use opentelemetry::Context;
use opentelemetry_http_semconv::RouteName;
use rocket::http::{Header, Status};
use rocket::route::Outcome as RouteOutcome;
use rocket::{Catcher, Data, Request, Route, catcher, route};

use crate::context_extractor::ContextExtractor;
use crate::instrumentation::ServerInstrumentation;
use crate::span::{AnsweringRoute, RequestSpan};
use crate::state::RequestState;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Wraps routes or catchers, so that their guards and handlers run inside the span of their
/// request. It accepts whatever `mount` and `register` accept.
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
///     .mount("/files", traced(rocket::fs::FileServer::from(".")))
///     .register("/", traced(catchers![not_found]));
/// ```
#[must_use = "mount the routes, or register the catchers, that this returns"]
pub fn traced<T: Traceable>(items: impl Into<Vec<T>>) -> Vec<T> {
    items.into().into_iter().map(Traceable::traced).collect()
}

/// What [`traced`] can wrap: Rocket's routes and catchers.
pub trait Traceable: sealed::Sealed {
    /// Wraps one route or catcher.
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

struct TracedRoute {
    inner: Box<dyn route::Handler>,
    /// The route under the method of its first request: it learns its base when it is mounted.
    named: OnceLock<(&'static str, AnsweringRoute)>,
    /// The extractor of an application that only propagates; looked up at the first request.
    extractor: OnceLock<Option<Arc<ContextExtractor>>>,
}

impl Clone for TracedRoute {
    /// A clone may be mounted at another base, so it has a name of its own.
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl TracedRoute {
    fn new(inner: Box<dyn route::Handler>) -> Self {
        Self { inner, named: OnceLock::new(), extractor: OnceLock::new() }
    }

    fn name(&self, request: &Request<'_>, span: &RequestSpan) -> Option<AnsweringRoute> {
        let method = span.method();
        let (first_method, route) = if let Some(named) = self.named.get() {
            named
        } else {
            let template = leak(request.route()?.uri.path().to_owned());
            let span_name = leak(RouteName::span_name(method, template));
            let name = RouteName { template: template.into(), span_name: span_name.into() };
            let route = AnsweringRoute { name, durations: Some(Arc::default()) };
            self.named.get_or_init(|| (method, route))
        };
        let mut route = route.clone();
        if *first_method != method {
            // Mostly HEAD on a GET route: rare enough to allocate the name.
            route.name.span_name = RouteName::span_name(method, &route.name.template).into();
        }
        Some(route)
    }
}

/// Two names a route, which live as long as the program, as routes do: clones of them are free.
fn leak(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}

impl route::Handler for TracedRoute {
    // Written out as `async_trait` would, so that an untraced request costs no second box.
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
        let extractor = self.extractor.get_or_init(|| request.rocket().state().cloned());
        let state = match extractor.as_deref() {
            Some(extractor) => RequestState::propagate(request, extractor),
            None => Some(RequestState::of(request)),
        };
        let Some((state, cx)) = state.and_then(|state| Some((state, state.context()?))) else {
            return self.inner.handle(request, data);
        };
        let span = state.span();
        if let Some(span) = span {
            span.set_route(self.name(request, span));
        }
        let ended = |span: &RequestSpan, outcome: &mut RouteOutcome<'r>| {
            // The route did not match after all: another one answers, or none.
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
        // The catcher of 400 is the first that sees a request which Rocket could not read.
        let mut is_unreadable = false;
        let state = RequestState::get_or_init(request, || {
            let rocket = request.rocket();
            let extractor = rocket.state::<Arc<ContextExtractor>>();
            if let Some(cx) = extractor.and_then(|e| e.extract_if_any(request)) {
                return RequestState::PropagateOnly(cx);
            }
            match rocket.state::<Arc<ServerInstrumentation>>() {
                Some(instrumentation) if status == Status::BadRequest => {
                    is_unreadable = true;
                    RequestState::Recording(instrumentation.start_unreadable(request))
                }
                _ => RequestState::Untraced,
            }
        });
        let Some(cx) = state.context() else {
            return self.inner.handle(status, request);
        };
        let span = state.span();
        let ended = move |span: &RequestSpan, answer: &mut catcher::Result<'r>| {
            // No response fairing sees the answer to an unreadable request.
            if let Ok(response) = answer
                && is_unreadable
            {
                span.set_status(response.status().code);
                if let Some(trace) = span.traceresponse() {
                    response.set_header(Header::new("traceresponse", trace));
                }
            }
        };
        Box::pin(InContext { inner: self.inner.handle(status, request), cx, span, ended })
    }
}

/// A future that is polled inside a context. It reports its end to the request's span, and a panic,
/// which it then resumes.
struct InContext<'a, T, E> {
    inner: BoxFuture<'a, T>,
    cx: &'a Context,
    span: Option<&'a RequestSpan>,
    ended: E,
}

impl<T, E: Fn(&RequestSpan, &mut T) + Unpin> Future for InContext<'_, T, E> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<T> {
        let _current = self.cx.clone().attach();
        // After a panic the future is not polled again: Rocket catches the panic and drops it.
        let polled = catch_unwind(AssertUnwindSafe(|| self.inner.as_mut().poll(task)));
        let mut polled = polled.unwrap_or_else(|panic| {
            if let Some(span) = self.span {
                span.panicked(panic_message(panic.as_ref()));
            }
            resume_unwind(panic)
        });
        if let (Poll::Ready(output), Some(span)) = (&mut polled, self.span) {
            (self.ended)(span, output);
        }
        polled
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

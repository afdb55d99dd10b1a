//! The request's context, for code that does not run inside it.

use std::convert::Infallible;
use std::sync::Arc;

use opentelemetry::Context;
use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use crate::context_extractor::ContextExtractor;
use crate::state::RequestState;

/// The context of a request: that of its span, or the one that it carries where contexts are only
/// propagated. It is empty for a request that is not traced.
///
/// Guards, handlers and catchers that are [`traced`](crate::traced()) have it as
/// [`Context::current`]. As a request guard it serves routes that are not, and work that outlives
/// the handler, such as a websocket. Fairings call [`of`](Self::of).
///
/// ```
/// use opentelemetry::context::FutureExt;
/// use rocket::get;
/// use rocket_opentelemetry::RequestContext;
///
/// # async fn send_mail() {}
/// #[get("/mail")]
/// fn mail(context: RequestContext) {
///     rocket::tokio::spawn(send_mail().with_context(context.0));
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequestContext(pub Context);

impl RequestContext {
    /// The context of this request.
    #[must_use]
    pub fn of(request: &Request<'_>) -> Self {
        let extractor = request.rocket().state::<Arc<ContextExtractor>>();
        let propagated = extractor.and_then(|e| RequestState::propagate(request, e));
        let state = propagated.unwrap_or_else(|| RequestState::of(request));
        Self(state.context().cloned().unwrap_or_default())
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for RequestContext {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self::of(request))
    }
}

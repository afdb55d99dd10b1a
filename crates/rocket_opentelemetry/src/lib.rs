//! OpenTelemetry for any Rocket application: request spans, HTTP metrics, outgoing calls.
//!
//! A library inside the library: it knows nothing of this demo, and nothing of the SDK. With
//! [`conventions`](opentelemetry_http_semconv), which it stands on, it can be copied into yours. It asks
//! three lines of an application:
//!
//! ```no_run
//! use rocket::{get, routes};
//! use rocket_opentelemetry::{RequestTracing, TracedClient, traced};
//!
//! #[get("/users/<id>")]
//! async fn user(id: u64) -> String { format!("user {id}") }
//!
//! let rocket = rocket::build()
//!     .attach(RequestTracing::new())                              // a span for every request,
//!     .mount("/", traced(routes![user]))                          // current in its handler,
//!     .manage(TracedClient::new(reqwest::Client::new()));         // and handed on by calls.
//! ```
//!
//! # What it holds to
//! - The span ends when the body has gone out, and says so when the client left, or a handler or
//!   the body panicked or failed. An event stream's span ends with the response's head.
//! - Spans that a handler starts are children of the request's span, across awaits, on any
//!   thread, without a guard in the handler's signature.
//! - Names, attributes, status and metrics follow the stable [HTTP semantic conventions]; labels
//!   are bounded whatever clients send, and credentials in a query are redacted.
//! - `traceparent` and `tracestate` are read as strictly as [W3C Trace Context] asks.
//! - Every answer names its trace in a `traceresponse` header.
//!
//! # What it cannot see
//! Rocket shows a request that it cannot read (unknown method, unreadable target) to no fairing.
//! Such a request is traced by its [`traced`] catcher of 400, as the method `_OTHER`, and its
//! answer has no `traceresponse`. Rocket hands small bodies to the connection before the client
//! has them: a client that leaves then goes unseen.
//!
//! [HTTP semantic conventions]: https://opentelemetry.io/docs/specs/semconv/http/
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context/

mod body;
#[cfg(feature = "reqwest")]
mod client;
mod fairing;
mod metrics;
mod origin;
mod recorder;
mod series;
mod span;
mod traced;

#[cfg(feature = "reqwest")]
pub use client::TracedClient;
pub use fairing::RequestTracing;
pub use opentelemetry_http_semconv::{KnownMethods, traceresponse};
pub use traced::{Traceable, traced};

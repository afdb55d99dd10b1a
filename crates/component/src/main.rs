//! The WebAssembly component: a `wasi:http` proxy that passes every request to the library.

use wasip2::exports::http::incoming_handler::{Guest, IncomingRequest, ResponseOutparam};
use wstd::http::request::try_from_incoming;
use wstd::http::server::Responder;

struct Component;

/// What `#[wstd::http_server]` generates, except for the last line: its code traps if a body cannot
/// be sent, which loses the spans of the request. An answer to HEAD has no body to send.
impl Guest for Component {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let responder = Responder::new(answer);
        wstd::runtime::block_on(async move {
            let request = match try_from_incoming(request) {
                Ok(request) => request,
                Err(error) => return responder.fail(error),
            };
            let response = component::serve(request).await;
            // An error means that the client has disconnected.
            let _ = responder.respond(response).await;
        });
    }
}

wasip2::http::proxy::export!(Component);

/// Rust requires it; the host calls [`Guest::handle`].
fn main() {}

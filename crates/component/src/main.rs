//! The WebAssembly component: a `wasi:http` proxy whose every request the library answers.

use wasip2::exports::http::incoming_handler::{Guest, IncomingRequest, ResponseOutparam};
use wstd::http::request::try_from_incoming;
use wstd::http::server::Responder;

struct Component;

/// What `#[wstd::http_server]` writes, but for the last line: its code traps where a body cannot be
/// sent, and with the instance go the spans of the request. To HEAD no body can be sent.
impl Guest for Component {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let responder = Responder::new(answer);
        wstd::runtime::block_on(async move {
            let request = match try_from_incoming(request) {
                Ok(request) => request,
                Err(error) => return responder.fail(error),
            };
            let response = component::serve(request).await;
            // A client that has left is none of ours to tell.
            let _ = responder.respond(response).await;
        });
    }
}

wasip2::http::proxy::export!(Component);

/// Rust wants one; the host calls the above.
fn main() {}

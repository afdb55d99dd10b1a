//! The WebAssembly component: a `wasi:http` proxy whose every request the library answers.

use wstd::http::{Body, Error, Request, Response};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    Ok(rocket_otel_demo::wasm::serve(request).await)
}

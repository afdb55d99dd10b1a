//! hyper alone: the cost of HTTP itself below axum and Rocket.

use std::convert::Infallible;

use bench_common::{HEALTH, port, terminated};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = Response::builder();
    let response = match request.uri().path() {
        "/health" => response
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from_static(HEALTH.as_bytes()))),
        _ => response.status(404).body(Full::default()),
    };
    Ok(response.expect("a valid response"))
}

async fn serve() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port())).await;
    let listener = listener.expect("the port is free");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

#[tokio::main]
async fn main() {
    tokio::select! {
        () = serve() => {}
        () = terminated() => {}
    }
}

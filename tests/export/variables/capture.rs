//! The effect of the variables of HTTP instrumentation on a request's span.

use crate::kit::http::Pending;
use crate::kit::{Pair, Program, SOON};
use otlp_receiver::{ReceivedSpan, Receiver};
use serde_json::json;

/// The span of one request.
#[track_caller]
fn span(variables: &[Pair<'_>], method: &str, headers: &[&str]) -> ReceivedSpan {
    let receiver = Receiver::start();
    let server = Program::serving(&receiver, variables).start();
    Pending::send(server.address, method, "/health", headers).answer();
    let span = receiver.wait_for_spans(1, SOON).remove(0);
    server.end();
    span
}

#[test]
fn a_method_that_is_not_known_is_other() {
    let span = span(&[("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "POST, PUT")], "GET", &[]);
    assert_eq!(span.name, "HTTP /health");
    assert_eq!(span.attributes["http.request.method"], "_OTHER");
    assert_eq!(span.attributes["http.request.method_original"], "GET");
}

#[test]
fn request_headers_are_recorded_if_they_are_named() {
    let name = "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS";
    let headers = ["x-tenant: demo", "x-secret: hidden"];
    let told = span(&[(name, "X-Tenant, x-absent")], "GET", &headers);
    assert_eq!(told.attributes["http.request.header.x-tenant"], json!(["demo"]));
    assert!(!format!("{told:?}").contains("hidden"));
    assert!(!format!("{told:?}").contains("absent"));
    let silent = span(&[], "GET", &headers);
    assert!(!format!("{silent:?}").contains("x-tenant"));
}

#[test]
fn response_headers_are_recorded_if_they_are_named() {
    let name = "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS";
    let told = span(&[(name, "Content-Type")], "GET", &[]);
    assert_eq!(told.attributes["http.response.header.content-type"], json!(["application/json"]));
    let silent = span(&[], "GET", &[]);
    assert!(!silent.attributes.contains_key("http.response.header.content-type"));
}

//! The variables of HTTP instrumentation, which the instrumentation reads from the configuration.

use super::Row;
use crate::support::config;

pub(super) const TESTED: &[Row] = &[
    ("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", known_methods_replace_the_default_list),
    ("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS", captured_headers_are_a_list),
    ("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS", captured_headers_are_a_list),
];

#[test]
fn known_methods_replace_the_default_list() {
    let known = config(&[("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "POST, PUT")]).known_methods;
    assert!(known.contains("POST") && known.contains("PUT") && !known.contains("GET"));
    assert!(config(&[]).known_methods.contains("GET"));
}

#[test]
fn captured_headers_are_a_list() {
    let config = config(&[
        ("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS", "X-Tenant, x-absent"),
        ("OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS", ",Content-Type,"),
    ]);
    assert_eq!(config.request_headers, ["X-Tenant", "x-absent"]);
    assert_eq!(config.response_headers, ["Content-Type"]);
}

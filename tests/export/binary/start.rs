//! It starts anywhere, and says where it is.

use std::net::TcpListener;

use crate::kit::http::Pending;
use crate::kit::{Program, SOON};
use otlp_receiver::Receiver;

#[test]
fn it_serves_from_any_directory_with_an_empty_environment() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let server = Program::new(&["--port", "0"], &[]).within(directory.path()).start();
    assert!(server.address.ip().is_loopback());
    assert_ne!(server.address.port(), 0);
    assert_eq!(server.get("/health").body, r#"{"status":"healthy"}"#);
    let page = Pending::send(server.address, "GET", "/", &["accept: text/html"]).answer();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<html") && page.body.contains("rocket-demo-app"), "{page:?}");
    let ended = server.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "", "standard output is for the console exporter");
    let left = std::fs::read_dir(directory.path()).expect("it is still there").count();
    assert_eq!(left, 0, "it left files behind");
}

#[test]
fn it_serves_where_there_are_no_authorities_to_trust() {
    let nowhere = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let http = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
    let server = Program::new(&["--port", "0"], &[nowhere.as_slice(), &http].concat()).start();
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn address_and_port_can_come_from_variables() {
    let variables =
        [("ROCKET_PORT", "0"), ("ROCKET_ADDRESS", "127.0.0.2"), ("OTEL_SDK_DISABLED", "true")];
    let server = Program::new(&[], &variables).start();
    assert_eq!(server.address.ip().to_string(), "127.0.0.2");
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_server_of_no_workers_has_one() {
    let variables = [("ROCKET_WORKERS", "0"), ("OTEL_SDK_DISABLED", "true")];
    let server = Program::new(&["--port", "0"], &variables).start();
    assert_eq!(server.get("/api/users").status, 200);
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_port_that_is_taken_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let variables = [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")];
    let ended = Program::new(&["serve", "--port", &port], &variables).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.contains(&port), "which port? {ended:?}");
    for text in ["Error: ", "already in use", "--port"] {
        assert!(ended.stderr.contains(text), "no {text} in {ended:?}");
    }
}

#[test]
fn an_address_of_another_machine_is_one_clear_line() {
    let variables = [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")];
    let ended = Program::new(&["--address", "192.0.2.1", "--port", "0"], &variables).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.contains("192.0.2.1"), "which address? {ended:?}");
}

#[test]
fn a_healthcheck_ends_with_0_where_a_server_answers_and_with_1_elsewhere() {
    let receiver = Receiver::start();
    let server = Program::serving(&receiver, &[]).start();
    let port = server.address.port().to_string();
    let ended = Program::new(&["healthcheck"], &[("ROCKET_PORT", &port)]).run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    receiver.wait_for_spans(1, SOON);
    server.end();
    let ended = Program::new(&["healthcheck", "--port", &port], &[]).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.contains(&port), "{ended:?}");
}

#[test]
fn the_runner_is_content_with_the_server() {
    let receiver = Receiver::start();
    let server = Program::serving(&receiver, &[]).start();
    let base = format!("http://{}", server.address);
    let words = ["runner", "--requests", "6", "--workers", "3"];
    let ended = Program::new(&words, &[("BASE_URL", &base)]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("[✓] Tests completed!"), "{ended:?}");
    server.end();
    let ended = Program::new(&words, &[("BASE_URL", &base)]).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = [ended.stdout, ended.stderr].concat();
    assert!(said.contains(&format!("Error: App is not responding at {base}")), "{said}");
}

//! The server starts in any directory and environment, and logs its address.

use std::net::TcpListener;

use otlp_receiver::Receiver;

use crate::process::{NO_EXPORTERS, Program};
use crate::support::SOON;
use crate::support::http::send;

#[test]
fn the_server_runs_in_any_directory_with_an_empty_environment() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let server = Program::new(&["--port", "0"], &[]).within(directory.path()).start();
    assert!(server.address.ip().is_loopback());
    assert_ne!(server.address.port(), 0);
    server.still_answers();
    let page = send(server.address, "GET /", &[("Accept", "text/html")]).answer();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<html") && page.body.contains("rocket-demo-app"), "{page:?}");
    let ended = server.end();
    assert_eq!(ended.stdout, "", "standard output is for the console exporter");
    let left = std::fs::read_dir(directory.path()).expect("it is still there").count();
    assert_eq!(left, 0, "the program left files behind");
}

#[test]
fn the_server_runs_without_certificate_authorities() {
    let nowhere = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let http = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
    let server = Program::new(&["--port", "0"], &[nowhere.as_slice(), &http].concat()).start();
    server.still_answers();
}

#[test]
fn variables_can_set_address_and_port() {
    let variables =
        [("ROCKET_PORT", "0"), ("ROCKET_ADDRESS", "127.0.0.2"), ("OTEL_SDK_DISABLED", "true")];
    let server = Program::new(&[], &variables).start();
    assert_eq!(server.address.ip().to_string(), "127.0.0.2");
    server.still_answers();
    server.end();
}

#[test]
fn zero_workers_mean_one() {
    let variables = [("ROCKET_WORKERS", "0"), ("OTEL_SDK_DISABLED", "true")];
    let server = Program::new(&["--port", "0"], &variables).start();
    assert_eq!(server.get("/api/users").status, 200);
    server.end();
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let ended = Program::new(&["serve", "--port", &port], &NO_EXPORTERS).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.contains(&port), "which port? {ended:?}");
    for text in ["Error: ", "already in use", "--port"] {
        assert!(ended.stderr.contains(text), "no {text} in {ended:?}");
    }
}

#[test]
fn the_address_of_another_machine_is_one_clear_line() {
    let ended = Program::new(&["--address", "192.0.2.1", "--port", "0"], &NO_EXPORTERS).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.contains("192.0.2.1"), "which address? {ended:?}");
}

#[test]
fn a_healthcheck_ends_with_0_if_a_server_answers_and_with_1_otherwise() {
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
fn the_runner_passes_against_the_server() {
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
    let output = [ended.stdout, ended.stderr].concat();
    assert!(output.contains(&format!("Error: App is not responding at {base}")), "{output}");
}

//! The certificates of both sides.

use super::Row;
use crate::support::{PROTOCOLS, Pair, Pipeline, SOON};
use otlp_receiver::{Receiver, TlsMode};

pub(super) const TESTED: &[Row] = &[
    ("OTEL_EXPORTER_OTLP_{SIGNAL}CERTIFICATE", the_authority_of_a_certificate_is_trusted),
    ("OTEL_EXPORTER_OTLP_{SIGNAL}CLIENT_CERTIFICATE", mutual_tls_presents_the_clients_certificate),
    ("OTEL_EXPORTER_OTLP_{SIGNAL}CLIENT_KEY", mutual_tls_presents_the_clients_certificate),
];

/// Long enough for any handshake that ends well.
const PATIENT: &str = "20000";

/// One that cannot end well is tried again until the time is over.
const HASTY: &str = "300";

/// An export by each protocol, with variables of the general kind and of the signal's own.
fn exports(receiver: &Receiver, timeout: &str, files: &[Pair<'_>]) -> Vec<Result<(), String>> {
    let mut results = Vec::new();
    for protocol in PROTOCOLS {
        for own in ["", "TRACES_"] {
            let names: Vec<_> =
                files.iter().map(|(name, _)| format!("OTEL_EXPORTER_OTLP_{own}{name}")).collect();
            let files = names.iter().zip(files).map(|(name, (_, file))| (name.as_str(), *file));
            let mut variables: Vec<_> = files.collect();
            variables.push(("OTEL_EXPORTER_OTLP_PROTOCOL", protocol));
            variables.push(("OTEL_EXPORTER_OTLP_TIMEOUT", timeout));
            let pipeline = Pipeline::to(receiver, &variables);
            pipeline.end_spans("secret", 1);
            results.push(pipeline.0.flush().map_err(|error| format!("{error}")));
        }
    }
    results
}

#[test]
fn the_authority_of_a_certificate_is_trusted() {
    let receiver = Receiver::start_tls(TlsMode::Server);
    let ca = receiver.pki().ca().display().to_string();
    assert_eq!(exports(&receiver, PATIENT, &[("CERTIFICATE", &ca)]), vec![Ok(()); 4]);
    assert_eq!(receiver.spans().len(), 4);
}

#[test]
fn another_authority_is_not_trusted() {
    let receiver = Receiver::start_tls(TlsMode::Server);
    let other = Receiver::start_tls(TlsMode::Server);
    let ca = other.pki().ca().display().to_string();
    for files in [&[("CERTIFICATE", &*ca)][..], &[]] {
        assert!(exports(&receiver, HASTY, files).iter().all(Result::is_err));
    }
    receiver
        .wait(SOON, "failed handshakes", |all| (all.handshake_failures.len() >= 8).then_some(()));
    assert_eq!(receiver.requests().len(), 0);
}

#[test]
fn mutual_tls_presents_the_clients_certificate() {
    let receiver = Receiver::start_tls(TlsMode::Mutual);
    let pki = receiver.pki();
    let files = [pki.ca(), pki.client_certificate(), pki.client_key()];
    let [ca, certificate, key] = files.map(|file| file.display().to_string());
    let all = [("CERTIFICATE", &*ca), ("CLIENT_CERTIFICATE", &*certificate), ("CLIENT_KEY", &*key)];
    assert_eq!(exports(&receiver, PATIENT, &all), vec![Ok(()); 4]);
    assert_eq!(receiver.spans().len(), 4);
}

#[test]
fn mutual_tls_rejects_a_client_without_a_certificate() {
    let receiver = Receiver::start_tls(TlsMode::Mutual);
    let ca = receiver.pki().ca().display().to_string();
    assert!(exports(&receiver, HASTY, &[("CERTIFICATE", &ca)]).iter().all(Result::is_err));
    assert_eq!(receiver.requests().len(), 0);
}

//! Faults that do not pass by themselves: a wrong certificate, and a name that nobody has.

use super::{MANY, TIGHT};
use crate::kit::over_both;
use crate::kit::pipeline::Pair;
use crate::kit::watched::{BEGINS, Watched};
use otlp_receiver::{Receiver, TlsMode};

/// An outage without an end: all that was made is lost, and the last line tells so.
#[track_caller]
fn for_good(endpoint: &str, protocol: &str, more: &[Pair<'_>]) {
    let mut server = Watched::start(endpoint, protocol, &[TIGHT, more].concat());
    server.answers(MANY);
    let line = server.wait_for(BEGINS);
    let (dropped, failed) = server.accounted();
    assert!(dropped > 0 && dropped < MANY, "{protocol}: {dropped} of {MANY}");
    assert_eq!(failed, 0, "{protocol}: what may still arrive is not given up: {line}");
    let last = server.end(None);
    last.outages(1, 0);
    assert_eq!((last.exported, last.lost), (0, MANY), "{protocol}");
}

#[test]
fn a_wrong_certificate() {
    let receiver = Receiver::start_tls(TlsMode::Server);
    let stranger = Receiver::start_tls(TlsMode::Server);
    let trusted = stranger.pki().ca().display().to_string();
    over_both(|protocol| {
        let trusted = [("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", &*trusted)];
        for_good(&receiver.endpoint(), protocol, &trusted);
    });
    assert!(!receiver.received().handshake_failures.is_empty());
    assert_eq!(receiver.requests().len(), 0);
}

#[test]
fn a_name_that_does_not_resolve() {
    // Longer than a label may be: the resolver answers by itself, and asks nobody.
    let nobody = format!("http://{}.invalid:4317", "n".repeat(64));
    over_both(|protocol| for_good(&nobody, protocol, &[]));
}

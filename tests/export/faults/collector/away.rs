//! Faults that pass: what waits is sent when they have, what found no room is counted.

use std::time::Duration;

use super::{MANY, TIGHT};
use crate::kit::over_both;
use crate::kit::watched::{BEGINS, ENDS, Watched};
use otlp_receiver::{Behaviour, Receiver};

/// Time enough for several exports to fail, of which the first alone may have a line.
const LASTS: Duration = Duration::from_secs(4);

/// The whole of an outage that costs spans, from its beginning to the last line.
#[track_caller]
fn outage(protocol: &str, begin: impl Fn(&Receiver), end: impl Fn(&Receiver)) {
    let receiver = Receiver::start();
    begin(&receiver);
    let mut server = Watched::start(&receiver.endpoint(), protocol, TIGHT);
    server.answers(MANY);
    server.wait_for(BEGINS);
    let (dropped, _) = server.accounted();
    assert!(dropped > 0, "{protocol}: there was room for all of {MANY}");
    std::thread::sleep(LASTS);
    end(&receiver);
    let line = server.wait_for(ENDS);
    // There is room again once what waited has gone out.
    server.settled();
    server.answers(3);
    let (dropped, failed) = server.settled();
    let last = server.end(Some(&receiver));
    last.outages(1, 1);
    assert_eq!(last.lost, dropped + failed, "{protocol}: {last:?}");
    assert!(line.contains(&format!("; {} lost meanwhile", last.lost)), "{line}: {last:?}");
}

#[test]
fn absent_at_the_start() {
    over_both(|protocol| outage(protocol, Receiver::stop, Receiver::restart));
}

#[test]
fn hanging() {
    over_both(|protocol| {
        outage(protocol, |r| r.set(Behaviour::Hang), |r| r.set(Behaviour::Accept));
    });
}

#[test]
fn unavailable() {
    over_both(|protocol| {
        outage(protocol, |r| r.set(Behaviour::Unavailable), |r| r.set(Behaviour::Accept));
    });
}

#[test]
fn exhausted_with_a_time_to_come_again() {
    let retry_after = Some(Duration::from_millis(300));
    over_both(|protocol| {
        let exhausted = Behaviour::ResourceExhausted { retry_after };
        outage(protocol, |r| r.set(exhausted.clone()), |r| r.set(Behaviour::Accept));
    });
}

#[test]
fn slow_is_no_outage_and_costs_nothing() {
    over_both(|protocol| {
        let receiver = Receiver::start();
        receiver.set(Behaviour::Delay(Duration::from_secs(1)));
        let mut server = Watched::start(&receiver.endpoint(), protocol, &[]);
        server.answers(MANY);
        assert_eq!(server.settled(), (0, 0), "{protocol}");
        let last = server.end(Some(&receiver));
        last.outages(0, 0);
        assert_eq!((last.exported, last.lost), (MANY, 0), "{protocol}");
    });
}

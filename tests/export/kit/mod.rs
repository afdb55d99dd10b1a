//! What the tests are made with.

pub(crate) mod http;
pub(crate) mod lines;
pub(crate) mod program;

use std::time::{Duration, Instant};

pub(crate) use program::{Pair, Program, Server};

/// Far beyond what anything on loopback takes, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Both wire formats of OTLP.
pub(crate) const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];

/// Runs a test over both wire formats at once.
pub(crate) fn over_both(test: impl Fn(&'static str) + Sync) {
    std::thread::scope(|threads| {
        for protocol in PROTOCOLS {
            let test = &test;
            threads.spawn(move || test(protocol));
        }
    });
}

/// Between two looks at something that tells nobody when it changes.
const GLANCE: Duration = Duration::from_millis(5);

/// Looks until there is something to see.
#[track_caller]
pub(crate) fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "no {what} within {SOON:?}");
        std::thread::sleep(GLANCE);
    }
}

//! What the test programs that start servers share.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod http;
pub(crate) mod lines;

use std::time::{Duration, Instant};

/// Far beyond what anything on loopback needs, even on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Interval between two polls.
const INTERVAL: Duration = Duration::from_millis(5);

/// Polls until there is something to return, or fails.
#[track_caller]
pub(crate) fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "no {what} within {SOON:?}");
        std::thread::sleep(INTERVAL);
    }
}

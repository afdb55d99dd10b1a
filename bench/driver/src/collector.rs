//! The collector of every measurement: a receiver that counts spans.

use std::time::{Duration, Instant};

use otlp_receiver::{Counts, Receiver};

/// No new span for this long means that no more will arrive: above the delay of every batch.
const QUIET: Duration = Duration::from_millis(2_500);

/// Spans in flight at the end of the load may exceed the expected number.
const SURPLUS: Duration = Duration::from_millis(1_200);

const POLL: Duration = Duration::from_millis(50);

/// Waits until the expected number of spans has arrived, or until no more arrive.
pub(crate) fn settled(collector: &Receiver, expected: u64) -> Counts {
    let mut counts = collector.counts();
    let mut changed = Instant::now();
    let mut complete = None;
    while changed.elapsed() < QUIET {
        if counts.spans >= expected {
            let complete = complete.get_or_insert_with(Instant::now);
            if complete.elapsed() > SURPLUS {
                break;
            }
        }
        std::thread::sleep(POLL);
        let now = collector.counts();
        if now.spans != counts.spans {
            changed = Instant::now();
        }
        counts = now;
    }
    counts
}

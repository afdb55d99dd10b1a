//! What the application's users, its operator and its accounts see of each fault of a collector:
//! every request is answered; every span arrives or is counted as lost, in the metrics and in the
//! last line alike; one line tells of the beginning, and one of the end with the count.

mod away;
mod final_answers;
mod unreachable;

use crate::kit::pipeline::Pair;

/// Room for fewer spans than the tests make, so that each fault costs some; answers that do not
/// come are given up soon.
const TIGHT: &[Pair<'_>] = &[
    ("OTEL_BSP_MAX_QUEUE_SIZE", "60"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1500"),
];

/// More requests than [`TIGHT`] has room for: 60 spans in the queue, and eight batches of 20 that are on
/// their way or held for another try.
const MANY: u64 = 300;

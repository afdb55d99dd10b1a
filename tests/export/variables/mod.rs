//! Every row of the table of variables, by its effect on what arrives.

mod batching;
mod capture;
mod endpoints;
mod exporters;
mod headers;
mod limits;
mod logging;
mod metrics;
mod refusals;
mod resource;
mod sampling;
mod secrets;
mod tls;

use std::collections::BTreeSet;

use opentelemetry_autoconfigure::{VARIABLES, Variable};

/// A row's name and a test that fails where the row has no effect. Naming the function keeps the
/// test from going away unnoticed.
type Row = (&'static str, fn());

const TESTED: &[&[Row]] = &[
    batching::TESTED,
    capture::TESTED,
    endpoints::TESTED,
    exporters::TESTED,
    headers::TESTED,
    limits::TESTED,
    logging::TESTED,
    metrics::TESTED,
    resource::TESTED,
    sampling::TESTED,
    tls::TESTED,
];

#[test]
fn every_row_of_the_table_has_a_test_and_no_test_is_of_a_row_that_has_gone() {
    let rows: BTreeSet<_> = VARIABLES.iter().map(|Variable { name, .. }| *name).collect();
    let tested: BTreeSet<_> = TESTED.iter().copied().flatten().map(|(name, _)| *name).collect();
    assert_eq!(rows, tested);
    assert_eq!(rows.len(), VARIABLES.len(), "a variable has two rows");
}

//! Every row of the table of variables, by its effect on what arrives.

mod batching;
mod endpoints;
mod exporters;
mod headers;
mod instrumentation;
mod limits;
mod logging;
mod metrics;
mod resource;
mod sampling;
mod secrets;
mod tls;
mod warnings;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use opentelemetry_autoconfigure::{Defaults, VARIABLES, Variable, help};

/// A row's name and a test that fails if the row has no effect. Naming the function keeps the test
/// from going away unnoticed.
type Row = (&'static str, fn());

const TESTED: &[&[Row]] = &[
    batching::TESTED,
    endpoints::TESTED,
    exporters::TESTED,
    headers::TESTED,
    instrumentation::TESTED,
    limits::TESTED,
    logging::TESTED,
    metrics::TESTED,
    resource::TESTED,
    sampling::TESTED,
    tls::TESTED,
];

#[test]
fn every_row_of_the_table_has_a_test_and_every_test_has_a_row() {
    let rows: BTreeSet<_> = VARIABLES.iter().map(|Variable { name, .. }| *name).collect();
    let tested: BTreeSet<_> = TESTED.iter().copied().flatten().map(|(name, _)| *name).collect();
    assert_eq!(rows, tested);
    assert_eq!(rows.len(), VARIABLES.len(), "a variable has two rows");
}

#[test]
fn the_documentation_has_every_variable_with_its_default() {
    let mut table = String::from("| variable | default | what it does |\n| --- | --- | --- |\n");
    for Variable { name, default, help } in VARIABLES {
        let name = name.replace("{SIGNAL}", "*");
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let _ = writeln!(table, "| `{name}` | {default} | {help} |");
    }
    let documented = std::fs::read_to_string("../../docs/configuration.md").expect("it exists");
    assert!(documented.contains(&table), "docs/configuration.md must contain:\n{table}");
}

#[test]
fn the_help_has_every_variable_with_the_applications_defaults() {
    let defaults = Defaults { service_name: "shop".to_owned(), ..Defaults::default() };
    let help = help(&defaults);
    for Variable { name, help: text, .. } in VARIABLES {
        let name = name.replace("{SIGNAL}", "[SIGNAL_]");
        assert!(help.contains(&name) && help.contains(text), "no {name} in {help}");
    }
    assert!(help.contains("[default: shop]"), "{help}");
}

//! The documentation: its links lead to files, and its code stands in a compiled example.
#![allow(clippy::expect_used, reason = "a test that fails may panic")]

use std::fs;
use std::path::PathBuf;

fn documents() -> Vec<PathBuf> {
    // Cargo runs tests in the package's folder, the root of the checkout.
    let crates = fs::read_dir("crates").expect("the folder exists");
    let crates = crates.map(|entry| entry.expect("readable").path());
    let folders = [".", "docs"].map(PathBuf::from).into_iter().chain(crates);
    let entries = folders.flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "md")).collect()
}

#[test]
fn links_within_the_repository_lead_to_files() {
    for document in documents() {
        let text = fs::read_to_string(&document).expect("readable");
        let folder = document.parent().expect("a file has a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !target.contains("://") {
                assert!(folder.join(file).exists(), "{}: {target}", document.display());
            }
        }
    }
}

#[test]
fn the_code_of_the_readme_stands_in_the_compiled_example() {
    // Without comments and white space: the formatter may break lines differently.
    let squeeze = |text: &str| -> String {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.flat_map(str::split_whitespace).collect()
    };
    let example = squeeze(include_str!("../examples/custom_instrumentation.rs"));
    let readme = include_str!("../README.md");
    let blocks: Vec<_> = readme.split("```rust,ignore\n").skip(1).collect();
    assert!(!blocks.is_empty(), "the README has code");
    for block in blocks {
        let code = squeeze(block.split("```").next().unwrap_or_default());
        assert!(example.contains(&code), "not in the example:\n{code}");
    }
}

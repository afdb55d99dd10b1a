//! The documentation is correct: its links lead to files, and its code is code that compiles.
#![allow(clippy::expect_used, reason = "a failed test may panic")]

use std::fs;
use std::path::PathBuf;

/// The documents at the root, in `docs/` and in each crate. Cargo runs tests in the package's folder.
fn documents() -> Vec<PathBuf> {
    let crates = fs::read_dir("crates").expect("the folder of the crates");
    let crates = crates.map(|entry| entry.expect("a readable entry").path());
    let folders = [".", "docs"].map(PathBuf::from).into_iter().chain(crates);
    let entries = folders.flat_map(|folder| fs::read_dir(folder).expect("a readable folder"));
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn links_within_the_repository_lead_to_files() {
    let documents = documents();
    assert!(documents.len() > 10, "{documents:?}");
    for document in documents {
        let text = fs::read_to_string(&document).expect("a readable document");
        let folder = document.parent().expect("a file has a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            if target.contains("://") {
                continue;
            }
            let linked = if file.is_empty() { document.clone() } else { folder.join(file) };
            assert!(linked.exists(), "{}: {target}", document.display());
            if !section.is_empty() {
                let text = fs::read_to_string(&linked).expect("a readable document");
                let found = text.lines().any(|line| anchor(line).as_deref() == Some(section));
                assert!(found, "{}: {target}", document.display());
            }
        }
    }
}

/// The anchor that GitHub gives a heading.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = heading.to_lowercase().replace(' ', "-");
    Some(kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect())
}

#[test]
fn the_code_of_the_readme_stands_in_the_compiled_example() {
    // Without comments and white space: the formatter may break lines in other places.
    let squeeze = |text: &str| -> String {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.flat_map(str::split_whitespace).collect()
    };
    let example = squeeze(include_str!("../examples/custom_instrumentation.rs"));
    let readme = include_str!("../README.md");
    let blocks: Vec<_> = readme.split("```rust,ignore\n").skip(1).collect();
    assert_eq!(blocks.len(), 2, "the README shows the set-up and a handler");
    for block in blocks {
        let code = squeeze(block.split("```").next().unwrap_or_default());
        assert!(example.contains(&code), "not in the example:\n{code}");
    }
}

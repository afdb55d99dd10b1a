//! Holds the rule of `src/lib.rs` about who may import whom, by reading the sources.
//!
//! It looks at every path in the code, not at `use` lines alone; comments, texts and tests do not
//! count. Which names are crates it learns from `Cargo.toml`.

#![allow(clippy::expect_used, reason = "a source that cannot be read is a failure")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the modules at the root of the library may reach.
struct Rule {
    module: &'static str,
    /// Modules of this crate, beside itself.
    ours: &'static [&'static str],
    /// Crates of others; all if `None`.
    theirs: Option<&'static [&'static str]>,
    /// Crates of others that it must do without.
    but_not: &'static [&'static str],
}

const SDK: &[&str] = &["opentelemetry_sdk", "opentelemetry_otlp", "opentelemetry_stdout"];

/// The component's alone.
const WASI: &[&str] = &["wasip2", "wstd"];

const RULES: &[Rule] = &[
    Rule {
        module: "handlers",
        ours: &[],
        theirs: Some(&[
            "serde",
            "serde_json",
            "thiserror",
            "log",
            "opentelemetry",
            // A query's encoding, and chance: both without a server or a runtime.
            "percent_encoding",
            "fastrand",
        ]),
        but_not: &[],
    },
    Rule {
        module: "conventions",
        ours: &[],
        theirs: Some(&[
            "http",
            "opentelemetry",
            "opentelemetry_semantic_conventions",
            "percent_encoding",
        ]),
        but_not: &[],
    },
    Rule {
        module: "page",
        ours: &[],
        // The engine of servers that bring none, and the trace that an error's page names.
        theirs: Some(&["minijinja", "opentelemetry", "serde"]),
        but_not: &[],
    },
    Rule { module: "instrument", ours: &["conventions"], theirs: None, but_not: SDK },
    // Of the conventions, what is configured by variables: propagators, known methods, headers.
    Rule { module: "telemetry", ours: &["conventions", "tls"], theirs: None, but_not: &["rocket"] },
    Rule {
        module: "server",
        ours: &["handlers", "instrument", "page", "telemetry", "tls"],
        theirs: None,
        but_not: &[],
    },
    Rule {
        module: "wasm",
        ours: &["conventions", "handlers", "page", "telemetry"],
        // An adapter between WASI and these: what asks for more belongs to one of them.
        theirs: Some(&["http", "log", "opentelemetry", "serde", "wstd"]),
        but_not: &[],
    },
    // Checks for tests and fuzzing: they stand above what they check, and no program has them.
    Rule {
        module: "properties",
        ours: &["conventions", "handlers", "telemetry"],
        theirs: None,
        but_not: &["rocket", "tokio", "reqwest"],
    },
    Rule { module: "runner", ours: &["tls"], theirs: None, but_not: &["rocket"] },
    Rule { module: "healthcheck", ours: &["tls"], theirs: None, but_not: &["rocket"] },
    Rule { module: "tls", ours: &[], theirs: Some(&["reqwest", "rustls"]), but_not: &[] },
    Rule {
        module: "cli",
        // Of the conventions, the words that switch trust in a proxy on: the component knows the same.
        ours: &["conventions", "healthcheck", "runner", "server", "telemetry"],
        theirs: None,
        but_not: &["rocket"],
    },
];

/// Where cargo runs tests. The folder that this was compiled in may be another checkout's: they can
/// share what they build.
fn root() -> &'static Path {
    Path::new("")
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The crates that `Cargo.toml` names, as code names them.
fn crates() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let mut crates = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if let Some((name, _)) = line.split_once('=').filter(|_| inside) {
            let name = name.trim().trim_matches('"').replace('-', "_");
            if !name.is_empty() && name.bytes().all(is_of_a_word) {
                crates.insert(name);
            }
        }
    }
    crates
}

/// The code without comments, texts and what follows `#[cfg(test)]` (by this project's style the
/// end of a file).
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut code = String::new();
    for line in source.lines() {
        let mut in_text = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                // A quote as a character is no text's end.
                '\'' if chars.peek() == Some(&'"') => {
                    chars.next();
                }
                '\\' if in_text => {
                    chars.next();
                }
                '"' => in_text = !in_text,
                '/' if !in_text && chars.peek() == Some(&'/') => break,
                _ if !in_text => code.push(c),
                _ => {}
            }
        }
        code.push('\n');
    }
    code
}

fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Every path in the code: `crate::a::b`, `super::super::c`; a group's members are paths of
/// their own, behind what stands before the brace.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut word = String::new();
    let mut joined = false;
    let bytes = code.as_bytes();
    let mut at = 0;
    while at <= bytes.len() {
        let c = bytes.get(at).copied().unwrap_or(b';');
        if is_of_a_word(c) {
            word.push(char::from(c));
        } else {
            if !word.is_empty() {
                if !joined {
                    paths.push(std::mem::replace(
                        &mut path,
                        groups.last().cloned().unwrap_or_default(),
                    ));
                }
                path.push(std::mem::take(&mut word));
                joined = false;
            }
            match c {
                b':' if bytes.get(at + 1) == Some(&b':') => {
                    // `::name`, and the end of a generic type, begin a path.
                    if at == 0 || !is_of_a_word(bytes[at - 1]) {
                        paths.push(std::mem::take(&mut path));
                    }
                    joined = true;
                    at += 1;
                }
                // A group of a path, or a block.
                b'{' => {
                    groups.push(if joined { path.clone() } else { Vec::new() });
                    joined = false;
                }
                b'}' => {
                    groups.pop();
                    joined = false;
                }
                _ => joined = false,
            }
        }
        at += 1;
    }
    paths.push(path);
    paths.retain(|path| path.len() > 1);
    paths
}

/// The module that a path belongs to, from the library's root: `["crate", "server"]`; a crate's
/// name stands for itself. `depth` is how many modules deep the path is written.
fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    match path[0].as_str() {
        "super" => {
            let above = module.len().saturating_sub(supers);
            let head = std::iter::once("crate".to_owned()).chain(module[..above].iter().cloned());
            head.chain(path[supers..].iter().cloned()).collect()
        }
        "self" => std::iter::once("crate".to_owned())
            .chain(module.iter().cloned())
            .chain(path[1..].iter().cloned())
            .collect(),
        _ => path.to_vec(),
    }
}

/// The modules that a file is in: `src/server/mod.rs` is `server`, `src/server/page.rs` is
/// `server::page`.
fn module(file: &Path) -> Vec<String> {
    let inside =
        file.strip_prefix(root().join("src")).expect("a source of ours").with_extension("");
    let parts = inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// What a file's code has no right to reach.
fn violations(
    rule: &Rule,
    source: &str,
    module: &[String],
    crates: &BTreeSet<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for path in paths(&code(source)) {
        let path = absolute(&path, module);
        let (head, next) = (path[0].as_str(), path.get(1).map(String::as_str));
        let allowed = match head {
            "crate" => {
                next.is_none_or(|to| to == "self" || to == rule.module || rule.ours.contains(&to))
            }
            // The library by its outer name is for main alone.
            "rocket_otel_demo" => false,
            head if crates.contains(head) => {
                rule.theirs.is_none_or(|list| list.contains(&head))
                    && !rule.but_not.contains(&head)
                    && (rule.module == "wasm" || !WASI.contains(&head))
            }
            _ => true,
        };
        if !allowed {
            found.push(path.join("::"));
        }
    }
    found
}

#[test]
fn every_module_imports_only_what_the_layout_allows() {
    let crates = crates();
    assert!(crates.contains("rocket") && crates.contains("opentelemetry_sdk"), "{crates:?}");
    let mut wrong = Vec::new();
    let mut files = 0;
    for file in sources(&root().join("src")) {
        let module = module(&file);
        let rule = RULES.iter().find(|rule| module.first().is_some_and(|m| m == rule.module));
        // The component's main stands beside what it serves; it is a crate of its own.
        let is_other = module.iter().any(|part| part == "tests" || part == "main");
        if let Some(rule) = rule.filter(|_| !is_other) {
            files += 1;
            let source = fs::read_to_string(&file).expect("a source");
            let found = violations(rule, &source, &module, &crates);
            wrong.extend(found.iter().map(|path| format!("{}: {path}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "imports against the rule of src/lib.rs:\n{}", wrong.join("\n"));
    assert!(files > 30, "the sources are elsewhere: {files}");
}

#[test]
fn every_module_of_the_library_has_a_rule() {
    for entry in fs::read_dir(root().join("src")).expect("the sources") {
        let name = entry.expect("an entry").path().with_extension("");
        let name = name.file_name().expect("a name").to_string_lossy().into_owned();
        let has_rule = RULES.iter().any(|rule| rule.module == name);
        assert!(has_rule || name == "main" || name == "lib", "{name} needs a rule here");
    }
}

#[test]
fn main_does_no_more_than_dispatch() {
    let source = fs::read_to_string(root().join("src/main.rs")).expect("main.rs");
    assert!(source.lines().count() < 60, "parse, dispatch, exit code; nothing else");
    let crates = crates();
    for path in paths(&code(&source)) {
        let heavy = ["rocket", "reqwest", "serde", "log"].contains(&path[0].as_str());
        assert!(!heavy && !path[0].starts_with("opentelemetry"), "{path:?} of {crates:?}");
    }
}

#[test]
fn the_component_is_an_adapter() {
    let mut lines = 0;
    for file in sources(&root().join("src/wasm")) {
        let source = fs::read_to_string(&file).expect("a source");
        lines += code(&source).lines().filter(|line| !line.trim().is_empty()).count();
    }
    assert!((100..300).contains(&lines), "{lines} lines: what is not WASI has another place");
}

#[test]
fn a_breach_of_the_rule_is_found_however_it_is_written() {
    let crates = crates();
    let handlers = RULES.iter().find(|rule| rule.module == "handlers").expect("a rule");
    let module = ["handlers".to_owned(), "users".to_owned()];
    for breach in [
        "use rocket::get;",
        "use crate::server::build;",
        "use crate::{handlers::App, server};",
        "use crate::{self, telemetry::Config};",
        "use super::super::instrument::traced;",
        "fn f() { tokio::time::sleep(t).await }",
        "fn f() -> ::reqwest::Client { todo!() }",
        "use { rocket::get, serde::Serialize };",
        "pub use opentelemetry_sdk as sdk;\nfn f() { opentelemetry_sdk::x() }",
        "let quote = '\"'; rocket::build();",
        "use rocket_otel_demo::server;",
    ] {
        assert_eq!(violations(handlers, breach, &module, &crates).len(), 1, "{breach}");
    }
    for fine in [
        "use serde::Serialize;\nuse opentelemetry::{Context, trace::{Span, Tracer}};",
        "use super::{App, Host};\nuse crate::handlers::Reply;",
        "// use rocket::get;\n/// [`rocket::get`]\nlet text = \"rocket::get \\\" rocket::x\";",
        "fn f() {}\n#[cfg(test)]\nmod tests { use rocket::futures; }",
    ] {
        assert_eq!(violations(handlers, fine, &module, &crates), Vec::<String>::new(), "{fine}");
    }
}

//! What holds whatever comes in: checks of what reads requests and variables.
//!
//! Each takes any bytes, reads them as the input of what it checks, and panics if what must hold
//! does not. They are run three times: on generated input by the tests beside them, on what a
//! fuzzer makes up by the targets in `fuzz/`, and on what either has found by the test here. So
//! this module is built for tests and under cargo-fuzz alone, and no program has it.

mod attributes;
mod extraction;
mod headers;
mod negotiation;
mod redaction;
mod variables;

pub use attributes::attributes;
pub use extraction::extraction;
pub use negotiation::negotiation;
pub use redaction::redaction;
pub use variables::variables;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// A fuzz target's name, and what it calls.
    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 5] = [
        ("attributes", super::attributes),
        ("extraction", super::extraction),
        ("negotiation", super::negotiation),
        ("redaction", super::redaction),
        ("variables", super::variables),
    ];

    #[test]
    fn the_fuzzers_corpus_holds() {
        let fuzz = Path::new("../../fuzz");
        for (target, check) in TARGETS {
            let corpus = fs::read_dir(fuzz.join("corpus").join(target)).unwrap();
            let files: Vec<_> = corpus.map(|file| file.unwrap().path()).collect();
            assert!(files.len() > 3, "{target} has no corpus to speak of");
            for file in files {
                // A panic tells what does not hold; this, for which input.
                println!("{}", file.display());
                check(&fs::read(file).unwrap());
            }
        }
    }

    #[test]
    fn every_fuzz_target_has_a_check_here() {
        let fuzz = Path::new("../../fuzz");
        for file in fs::read_dir(fuzz.join("fuzz_targets")).unwrap() {
            let name = file.unwrap().path().with_extension("");
            let name = name.file_name().unwrap().to_string_lossy().into_owned();
            assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name}");
        }
    }
}

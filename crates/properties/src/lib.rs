//! Properties of the code that reads requests and variables: they hold for any input.
//!
//! Each check takes any bytes, reads them as input, and panics where a property does not hold. They
//! run in three places: on generated input in the tests beside them, on a fuzzer's input in
//! `fuzz/`, and on the corpus of both in the test here.

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

    use proptest::prelude::*;

    /// The name of a fuzz target, and the check that it calls.
    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 5] = [
        ("attributes", super::attributes),
        ("extraction", super::extraction),
        ("negotiation", super::negotiation),
        ("redaction", super::redaction),
        ("variables", super::variables),
    ];

    #[test]
    fn every_property_holds_for_the_fuzzers_corpus() {
        let fuzz = Path::new("../../fuzz");
        for (target, check) in TARGETS {
            let corpus = fs::read_dir(fuzz.join("corpus").join(target)).unwrap();
            let files: Vec<_> = corpus.map(|file| file.unwrap().path()).collect();
            assert!(files.len() > 3, "{target} has no corpus");
            for file in files {
                // A panic names the property; this names the input.
                println!("{}", file.display());
                check(&fs::read(file).unwrap());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn every_property_holds_for_any_bytes(data: Vec<u8>) {
            for (_, check) in TARGETS {
                check(&data);
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

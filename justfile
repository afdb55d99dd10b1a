# Short names for the commands of CI.

# serve on port 8000
run:
    cargo run

# the tests that need only Rust
test:
    cargo test

# formatting and lints
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# the borders between crates, the sets of features, the packages to publish
crates:
    .ci/dependencies
    .ci/features
    .ci/package

# against a real Jaeger
e2e:
    .ci/e2e

# everything
ci:
    .ci/run

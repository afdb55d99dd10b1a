# What CI runs, by short names.

# serve on port 8000
run:
    cargo run

# the tests that need nothing but Rust
test:
    cargo test

# formatting and lints
lint:
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings

# against a real Jaeger
e2e:
    .ci/e2e

# everything
ci:
    .ci/run

//! What several integration test binaries share.

pub(crate) mod otlp;

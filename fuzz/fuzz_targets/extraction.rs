#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rocket_otel_demo::properties::extraction(data));

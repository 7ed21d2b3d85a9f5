//! See `checks/redact.rs`.
#![no_main]

#[path = "../checks/redact.rs"]
mod redact;

libfuzzer_sys::fuzz_target!(|input: &[u8]| redact::check(input));

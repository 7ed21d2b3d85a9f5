//! See `checks/retry.rs`.
#![no_main]

#[path = "../checks/retry.rs"]
mod retry;

libfuzzer_sys::fuzz_target!(|input: &[u8]| retry::check(input));

//! See `checks/handle.rs`.
#![no_main]

#[path = "../checks/handle.rs"]
mod handle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| handle::check(input));

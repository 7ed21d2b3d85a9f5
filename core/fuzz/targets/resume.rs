//! See `checks/resume.rs`.
#![no_main]

#[path = "../checks/resume.rs"]
mod resume;

libfuzzer_sys::fuzz_target!(|input: &[u8]| resume::check(input));

//! See `checks/proxies.rs`.
#![no_main]

#[path = "../checks/proxies.rs"]
mod proxies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxies::check(input));

//! See `checks/decoder.rs`.
#![no_main]

#[path = "../../tests/pure/by_the_book.rs"]
mod by_the_book;
#[path = "../checks/decoder.rs"]
mod decoder;

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoder::check(input));

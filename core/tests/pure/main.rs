//! Tests of the parts that do no I/O, through the public API.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod by_the_book;
#[path = "../../../tests/rust/src/cases.rs"]
#[allow(unreachable_pub, reason = "a module of another crate too")]
mod cases;
mod config;
mod event;
mod fuzz_seeds;
mod models;
mod resume;
mod retry;
mod sse;
mod sse_properties;

use std::path::{Path, PathBuf};

/// Where the cases for all languages are.
fn contract(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/contract")
        .join(path)
}

/// Reads a JSON file of cases.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{} is not what its driver reads: {error}", path.display()))
}

//! The Rust of the pages, for rustdoc to compile. `tests/python/test_pages.py` holds that no page with Rust is missing.

#[doc = include_str!("../../../docs/batch.md")]
struct Batch;

#[doc = include_str!("../../../docs/handles.md")]
struct Handles;

#[doc = include_str!("../../../docs/ledger.md")]
struct Ledger;

#[doc = include_str!("../../../docs/pool.md")]
struct Pool;

#[doc = include_str!("../../../docs/rust.md")]
struct InRust;

#[doc = include_str!("../../../emulator/README.md")]
struct Emulator;

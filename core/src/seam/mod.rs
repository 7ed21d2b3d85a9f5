//! What the language bindings call: each service's operations as data, and what
//! each of them gives.
//!
//! A Rust program calls methods; nothing in the core uses this. See
//! docs/decisions/ on operations as data.

pub mod agi;
#[cfg(feature = "raccoon")]
pub mod raccoon;

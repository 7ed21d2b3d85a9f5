//! What the language bindings call: each service's operations as data, and what
//! each of them gives.
//!
//! A Rust program calls methods; nothing in the core uses this. See
//! docs/decisions/ on operations as data.

pub mod agi;
#[cfg(feature = "raccoon")]
pub mod raccoon;
#[cfg(all(feature = "schema", feature = "raccoon"))]
mod schema;

#[cfg(all(feature = "schema", feature = "raccoon"))]
pub use schema::schema;

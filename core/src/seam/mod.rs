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

/// The schema of what both services' operations take and give.
#[cfg(all(feature = "schema", feature = "raccoon"))]
pub fn schema() -> serde_json::Value {
    serde_json::json!({ "agi": agi::schema(), "raccoon": raccoon::schema() })
}

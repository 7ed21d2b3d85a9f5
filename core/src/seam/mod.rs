//! What the language bindings call: each service's operations as data, and what
//! each of them gives.
//!
//! A Rust program calls methods; nothing in the core uses this. See
//! docs/decisions/ on operations as data.

#[cfg(feature = "raccoon")]
pub mod ag_ui;
pub mod agi;
#[cfg(feature = "raccoon")]
pub mod raccoon;
#[cfg(all(feature = "schema", feature = "raccoon"))]
mod schema;
mod shape;

use crate::config::Service;
use crate::error::Result;
use crate::handle::Handle;

pub use shape::{ask_again, ask_for, does_not_fit};

/// Whose handle this is, for a program that speaks to both services.
///
/// # Errors
/// `InvalidRequest` for a text that is no handle of this version.
pub fn service_of(handle: &str) -> Result<Service> {
    Ok(Handle::decode(handle)?.service())
}

/// The schema of what both services' operations take and give.
#[cfg(all(feature = "schema", feature = "raccoon"))]
pub fn schema() -> serde_json::Value {
    serde_json::json!({ "agi": agi::schema(), "raccoon": raccoon::schema() })
}

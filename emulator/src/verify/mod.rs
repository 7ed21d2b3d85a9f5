//! Asks a service again what was asked when a scenario was recorded, and says where it answers otherwise.
//!
//! It makes sessions and starts tasks, as the recording did, and deletes the sessions it made. It compares names, types and
//! statuses; what an agent says is its own business.

mod drift;
mod play;
mod stream;

pub use drift::{Drift, DriftKind, Verification};
pub use play::{Target, VerifyError, verify};

//! The lossless stream: what every provider's event stream is made of.

mod queue;
pub mod resume;

pub use queue::{Batch, EventQueue, EventStream};
pub(crate) use queue::{Producer, queue};

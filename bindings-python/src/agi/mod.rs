//! The classes of the AGI API.

pub(crate) mod client;
pub(crate) mod events;
pub(crate) mod fanout;
pub(crate) mod pool;
pub(crate) mod task;

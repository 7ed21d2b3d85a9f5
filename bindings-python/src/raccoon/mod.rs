//! The classes of the Raccoon API.

pub(crate) mod client;
pub(crate) mod events;
pub(crate) mod fanout;
pub(crate) mod hooks;
pub(crate) mod turn;
pub(crate) mod upload;

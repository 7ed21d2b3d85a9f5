//! The end of an agent's hold on its work.

/// A task was cancelled, a turn has ended, or their session was deleted: their agent has nothing more to say.
#[derive(Debug)]
pub(crate) struct Detached;

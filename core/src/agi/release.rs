//! Hands sessions over: the ledger has them no more.

use super::session::Sessions;
use super::validate;
use crate::error::Result;

impl Sessions {
    /// Hands a session over to whoever keeps its id, such as a workflow: from here on
    /// [`reap`](Self::reap) leaves it alone, whichever processes use it and die. Makes no
    /// request. Does nothing where the client has no ledger, which nobody reaps.
    ///
    /// # Errors
    /// `InvalidRequest` for an id that no session can have, `Config` where the ledger cannot be
    /// written: then the session is still this process's.
    pub fn release(&self, session_id: &str) -> Result<()> {
        validate::session_id(session_id)?;
        match self.api.ledger() {
            Some(ledger) => ledger.released(session_id),
            None => Ok(()),
        }
    }
}

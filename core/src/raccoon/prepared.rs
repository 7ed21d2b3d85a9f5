//! The turns that a client prepared: which were not started since, and one start at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Notes by session. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Prepared(Arc<Mutex<HashMap<String, Noted>>>);

#[derive(Default)]
struct Noted {
    /// A turn was prepared here, and none was started from a handle since.
    is_fresh: bool,
    start: Arc<tokio::sync::Mutex<()>>,
}

impl Prepared {
    /// Notes that a turn was prepared.
    pub(super) fn add(&self, session_id: &str) {
        self.notes()
            .entry(session_id.to_owned())
            .or_default()
            .is_fresh = true;
    }

    /// Takes the note that a turn was prepared and not started: no other process can have done
    /// that long ago.
    pub(super) fn take_fresh(&self, session_id: &str) -> bool {
        let mut notes = self.notes();
        notes
            .get_mut(session_id)
            .is_some_and(|noted| std::mem::take(&mut noted.is_fresh))
    }

    /// Waits until nobody else here starts a prepared turn of this session.
    pub(super) async fn start(&self, session_id: &str) -> OwnedMutexGuard<()> {
        let start = {
            let mut notes = self.notes();
            notes
                .entry(session_id.to_owned())
                .or_default()
                .start
                .clone()
        };
        start.lock_owned().await
    }

    fn notes(&self) -> MutexGuard<'_, HashMap<String, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What one key owns at Raccoon.

use super::limiter::TurnLimiter;
use super::owner::Owner;
use super::session::Session;
use crate::sync::lock;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The sessions and files of one key.
#[derive(Debug)]
pub(crate) struct Account {
    pub(super) owner: Owner,
    sessions: HashMap<String, Arc<Session>>,
    /// Counts the sessions and messages there ever were.
    counter: u64,
}

impl Account {
    pub(super) fn new(number: usize, max_turns: usize, queues: bool) -> Self {
        Self {
            owner: Owner {
                user_id: format!("u_{number}"),
                limiter: Arc::new(TurnLimiter::new(max_turns, queues)),
                uploads: Arc::default(),
            },
            sessions: HashMap::new(),
            counter: 0,
        }
    }

    pub(super) fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(super) fn counter(&self) -> u64 {
        self.counter
    }

    /// Goes on counting where another account was.
    pub(super) fn count_from(&mut self, counter: u64) {
        self.counter = self.counter.max(counter);
    }

    /// A number that changes with what the account holds.
    pub(crate) fn changes(&self) -> u64 {
        let uploads = lock(&self.owner.uploads).len() as u64;
        let sessions = self.sessions.values().map(|session| session.changes());
        sessions.fold(self.counter + uploads, u64::wrapping_add)
            + ((self.sessions.len() as u64) << 32)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.sessions.get(id).cloned()
    }

    pub(super) fn add(&mut self, session: Arc<Session>) {
        self.sessions.insert(session.session_id.clone(), session);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<Session>> {
        self.sessions.remove(id)
    }

    /// Moves the time of the sessions that are meant, where it is fast; says of how many.
    pub(crate) fn advance(&self, meant: &dyn Fn(&str) -> bool, by: Duration) -> usize {
        let sessions = self.sessions.values();
        let sessions = sessions.filter(|session| meant(&session.session_id));
        sessions.filter(|session| session.advance(by)).count()
    }

    /// Ends the work of all sessions.
    pub(crate) fn delete_sessions(&self) {
        for session in self.sessions.values() {
            session.delete();
        }
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions.values()
    }
}

//! What one key owns.

use super::session::Session;
use crate::page::Page;
use std::collections::HashMap;
use std::sync::Arc;

/// The sessions and snapshots of one key.
#[derive(Debug, Default)]
pub(crate) struct Account {
    sessions: HashMap<String, Arc<Session>>,
    /// In order of creation.
    order: Vec<String>,
    /// What the browser showed when a session was deleted with a snapshot, by session id and by environment id.
    snapshots: HashMap<String, Page>,
    /// The default environment.
    default: Option<Page>,
}

impl Account {
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn add(&mut self, session: Arc<Session>) {
        self.order.push(session.id.clone());
        self.sessions.insert(session.id.clone(), session);
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.sessions.get(id).cloned()
    }

    /// The first session that `is` the wanted one.
    pub(crate) fn find(&self, is: impl Fn(&Session) -> bool) -> Option<Arc<Session>> {
        self.sessions.values().find(|session| is(session)).cloned()
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Arc<Session>> {
        self.order.retain(|other| other != id);
        self.sessions.remove(id)
    }

    pub(crate) fn remove_all(&mut self) -> Vec<Arc<Session>> {
        std::mem::take(&mut self.order)
            .iter()
            .filter_map(|id| self.sessions.remove(id))
            .collect()
    }

    pub(crate) fn list(&self) -> Vec<Arc<Session>> {
        self.order.iter().filter_map(|id| self.get(id)).collect()
    }

    pub(crate) fn save(&mut self, session: &Session, as_default: bool) {
        let page = session.page();
        if as_default {
            self.default = Some(page.clone());
        }
        self.snapshots
            .insert(session.environment_id.clone(), page.clone());
        self.snapshots.insert(session.id.clone(), page);
    }

    pub(crate) fn snapshot(&self, id: &str) -> Option<Page> {
        self.snapshots.get(id).cloned()
    }

    pub(crate) fn default_environment(&self) -> Option<Page> {
        self.default.clone()
    }
}

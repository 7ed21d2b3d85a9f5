//! What one key owns.

use super::session::Session;
use crate::browser::SavedProfile;
use crate::page::Page;
use std::collections::HashMap;
use std::sync::Arc;

/// What a session left behind when it was deleted with a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// What the browser showed.
    pub(crate) page: Page,
    pub(crate) browser: SavedProfile,
}

/// The sessions and snapshots of one key.
#[derive(Debug, Default)]
pub(crate) struct Account {
    sessions: HashMap<String, Arc<Session>>,
    /// In order of creation.
    order: Vec<String>,
    /// By session id and by environment id.
    snapshots: HashMap<String, Snapshot>,
    /// The default environment.
    default: Option<Snapshot>,
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

    pub(crate) fn save(&mut self, session: &Session, snapshot: Snapshot, as_default: bool) {
        if as_default {
            self.default = Some(snapshot.clone());
        }
        self.snapshots
            .insert(session.environment_id.clone(), snapshot.clone());
        self.snapshots.insert(session.id.clone(), snapshot);
    }

    pub(crate) fn snapshot(&self, id: &str) -> Option<Snapshot> {
        self.snapshots.get(id).cloned()
    }

    /// All of them, by session id and by environment id.
    pub(super) fn snapshots(&self) -> impl Iterator<Item = (&String, &Snapshot)> {
        self.snapshots.iter()
    }

    pub(crate) fn snapshot_count(&self) -> usize {
        self.snapshots.len()
    }

    pub(super) fn add_snapshot(&mut self, id: String, snapshot: Snapshot) {
        self.snapshots.insert(id, snapshot);
    }

    pub(super) fn set_default_environment(&mut self, snapshot: Snapshot) {
        self.default = Some(snapshot);
    }

    pub(crate) fn default_environment(&self) -> Option<Snapshot> {
        self.default.clone()
    }

    pub(crate) fn forget_snapshots(&mut self) {
        self.snapshots.clear();
        self.default = None;
    }
}

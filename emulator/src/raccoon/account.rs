//! What one key owns at Raccoon, and the places its turns run in.

use super::session::{Job, Session};
use super::upload::Upload;
use crate::state::{Server, lock};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

/// Runs `act` on what the key owns.
pub(super) fn of<T>(server: &Server, key: &str, act: impl FnOnce(&mut Account) -> T) -> T {
    let mut accounts = lock(&server.raccoon);
    if let Some(account) = accounts.get_mut(key) {
        return act(account);
    }
    let options = &server.options;
    let account = Account::new(accounts.len() + 1, options.max_turns, options.queue_turns);
    act(accounts.entry(key.to_owned()).or_insert(account))
}

/// The sessions and files of one key.
#[derive(Debug)]
pub(crate) struct Account {
    pub(super) owner: Owner,
    sessions: HashMap<String, Arc<Session>>,
    /// Counts the sessions and messages there ever were.
    counter: u64,
}

impl Account {
    fn new(number: usize, max_turns: usize, queues: bool) -> Self {
        Self {
            owner: Owner {
                user_id: format!("u_{number}"),
                places: Arc::new(Places {
                    most: max_turns,
                    queues,
                    state: Mutex::default(),
                }),
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

    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.sessions.get(id).cloned()
    }

    pub(super) fn add(&mut self, session: Arc<Session>) {
        self.sessions.insert(session.session_id.clone(), session);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<Session>> {
        self.sessions.remove(id)
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions.values()
    }
}

/// What the sessions of one key share.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) user_id: String,
    pub(super) places: Arc<Places>,
    /// The files, by the key they are stored under.
    pub(super) uploads: Arc<Mutex<HashMap<String, Arc<Upload>>>>,
}

/// The places that the turns of one key run in. Locked after a session, never before.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    queues: bool,
    state: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    running: usize,
    queue: VecDeque<Job>,
}

/// What a new turn gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A place to run in.
    Free,
    /// This place in the queue, from 1.
    Queued(usize),
    /// None.
    Full,
}

impl Places {
    pub(super) fn take(&self, job: impl FnOnce() -> Job) -> Place {
        let mut taken = lock(&self.state);
        if taken.running < self.most && taken.queue.is_empty() {
            taken.running += 1;
            return Place::Free;
        }
        if !self.queues {
            return Place::Full;
        }
        taken.queue.push_back(job());
        Place::Queued(taken.queue.len())
    }

    /// Gives a place back.
    pub(super) fn free(&self) {
        lock(&self.state).running -= 1;
    }

    /// The turn that a free place is for, if there are both. The place is taken then.
    pub(super) fn next(&self) -> Option<Job> {
        let mut taken = lock(&self.state);
        if taken.running >= self.most {
            return None;
        }
        let job = taken.queue.pop_front()?;
        taken.running += 1;
        Some(job)
    }
}

//! What the sessions of one key share.

use super::limiter::TurnLimiter;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The user behind a key, the permits of its turns, and its files.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) user_id: String,
    pub(super) limiter: Arc<TurnLimiter>,
    /// The files, by the key they are stored under.
    pub(super) uploads: Arc<Mutex<HashMap<String, Arc<Upload>>>>,
}

impl Owner {
    /// Of a session that has no account yet.
    pub(super) fn nobody() -> Self {
        Self {
            user_id: String::new(),
            limiter: Arc::new(TurnLimiter::new(1, false)),
            uploads: Arc::default(),
        }
    }
}

/// A file that was uploaded.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) size: u64,
    /// Its first 64 KiB.
    pub(super) begin: Vec<u8>,
}

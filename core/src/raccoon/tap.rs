//! Writes down what the service says, for a recording.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// What the service said, as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Tap(Arc<Mutex<Tapped>>);

#[derive(Debug, Default)]
pub(super) struct Tapped {
    pub(super) frames: Vec<String>,
    /// Those of connections that are over.
    before: HashSet<String>,
    /// The newest response to each operation.
    pub(super) responses: HashMap<String, Value>,
}

impl Tap {
    /// A socket was opened: what the ones before it brought may come again.
    pub(super) fn connected(&self) {
        let mut tapped = self.lock();
        let Tapped { frames, before, .. } = &mut *tapped;
        before.extend(frames.iter().cloned());
    }

    pub(super) fn frame(&self, frame: &str) {
        let mut tapped = self.lock();
        if !tapped.before.contains(frame) {
            tapped.frames.push(frame.to_owned());
        }
    }

    pub(super) fn response(&self, operation: &str, body: Value) {
        self.lock().responses.insert(operation.to_owned(), body);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Tapped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

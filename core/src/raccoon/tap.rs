//! Writes down what the service says, for a recording.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// What the service said, as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Tap(Arc<Mutex<Tapped>>);

#[derive(Debug, Default)]
pub(super) struct Tapped {
    /// Those of each socket.
    pub(super) sockets: Vec<Vec<String>>,
    /// The newest response to each operation.
    pub(super) responses: HashMap<String, Value>,
}

impl Tap {
    /// A socket was opened.
    pub(super) fn connected(&self) {
        self.lock().sockets.push(Vec::new());
    }

    pub(super) fn frame(&self, frame: &str) {
        if let Some(socket) = self.lock().sockets.last_mut() {
            socket.push(frame.to_owned());
        }
    }

    pub(super) fn response(&self, operation: &str, body: Value) {
        self.lock().responses.insert(operation.to_owned(), body);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Tapped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

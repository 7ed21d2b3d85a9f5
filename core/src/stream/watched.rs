//! What is noted of a task or turn, and those who wait for news of it.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::EventQueue;

/// How often the service is asked about what nobody reads.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// A state that one side writes, a stream for example, and others wait on.
#[derive(Debug, Default)]
pub(crate) struct Watched<S> {
    state: Mutex<S>,
    changed: Notify,
}

impl<S> Watched<S> {
    pub(crate) fn new(state: S) -> Self {
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get_mut(&mut self) -> &mut S {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait that something was noted.
    pub(crate) fn publish(&self) {
        self.changed.notify_waiters();
    }

    /// The next change, from this moment on: look at the state after this, and
    /// none is missed.
    pub(crate) fn change(&self) -> Change<'_> {
        let mut changed = Box::pin(self.changed.notified());
        changed.as_mut().enable();
        Change(changed)
    }
}

/// See [`Watched::change`].
pub(crate) struct Change<'a>(Pin<Box<Notified<'a>>>);

impl Change<'_> {
    /// Waits for it.
    pub(crate) async fn wait(self) {
        self.0.await;
    }

    /// Waits for it. Says whether it is time to ask the service instead: with a
    /// full or closed queue the stream does not go on by itself.
    pub(crate) async fn or_time_to_poll(self, queue: &EventQueue) -> bool {
        let late = tokio::time::timeout(POLL_INTERVAL, self.0).await.is_err();
        late && (queue.is_full() || queue.is_closed())
    }
}

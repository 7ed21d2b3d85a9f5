//! An agent's hold on its turn.

use super::log::Draft;
use super::session::Session;
use super::turn::{Phase, Turn};
use super::validate::StartTurn;
use crate::agent::Detached;
use crate::clock::{Clock, Timestamp};
use crate::faults::Stop;
use crate::sync::lock;
use crate::timeline::{Timeline, cut};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// An agent's hold on its turn: all that it says goes through here, and ends with the turn.
#[derive(Clone)]
pub(super) struct WorkHandle {
    pub(super) session: Arc<Session>,
    index: usize,
    timeline: Arc<Mutex<Timeline>>,
}

impl WorkHandle {
    pub(super) fn new(session: Arc<Session>, index: usize, timeline: Arc<Mutex<Timeline>>) -> Self {
        Self {
            session,
            index,
            timeline,
        }
    }

    /// Notes what plays, for whoever asks what happened.
    pub(super) fn take_note(&self, what: &str) {
        lock(&self.timeline).played(&self.session.session_id, what);
    }

    /// The how manyth turn of its session it is, from 1.
    pub(super) fn number(&self) -> u64 {
        self.index as u64 + 1
    }

    /// Ends the sockets that are open on the turn, after all that was said so far.
    pub(super) fn cut_sockets(&self, how: Stop) -> Result<(), Detached> {
        {
            let mut state = self.session.lock();
            let turn = state.turns.get_mut(self.index).ok_or(Detached)?;
            turn.cuts.push((turn.log.len(), how));
            turn.sockets = 0;
        }
        self.session.changed().notify_waiters();
        Ok(())
    }

    pub(super) fn say(&self, drafts: Vec<Draft>) -> Result<(), Detached> {
        let dialect = self.session.dialect();
        self.session.lock().append(self.index, drafts, dialect)?;
        self.session.changed().notify_waiters();
        Ok(())
    }

    /// Ends the turn; `content` is that of the agent's message, by default the texts.
    pub(super) fn end(&self, draft: Draft, content: Option<String>) -> Result<(), Detached> {
        let end = match draft.payload.as_object() {
            Some(payload) if !payload.is_empty() => {
                format!("{} {}", draft.kind, cut(&draft.payload.to_string()))
            }
            _ => draft.kind.to_string(),
        };
        self.session.end(self.index, draft, content)?;
        self.take_note(&end);
        Ok(())
    }

    /// Waits for the permit of a queued turn, and runs the turn.
    pub(super) async fn wait_for_permit(
        &self,
        granted: oneshot::Receiver<()>,
    ) -> Result<(), Detached> {
        granted.await.map_err(|_| Detached)?;
        self.session.run_queued(self.index)
    }

    /// What the turn was asked for, and what is cancelled when it ends.
    pub(super) fn request(&self) -> Option<(StartTurn, CancellationToken)> {
        let state = self.session.lock();
        let turn = state.turns.get(self.index)?;
        Some((turn.request.clone(), turn.stopped.clone()))
    }

    /// The agent message that names the turn.
    pub(super) fn message_id(&self) -> String {
        let state = self.session.lock();
        let turn = state.turns.get(self.index);
        turn.map(|turn| turn.agent_message_id.clone())
            .unwrap_or_default()
    }

    /// Waits until the turn has ended, by whomever.
    pub(super) async fn ended(&self) {
        let stopped = {
            let state = self.session.lock();
            let turn = state.turns.get(self.index);
            turn.map(|turn| turn.stopped.clone())
        };
        if let Some(stopped) = stopped {
            stopped.cancelled().await;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        let state = self.session.lock();
        let turn = state.turns.get(self.index);
        turn.is_none_or(|turn| matches!(turn.phase, Phase::Ended(_)))
    }

    /// The time in the session.
    pub(super) fn now(&self) -> Timestamp {
        self.session.lock().time.now()
    }

    /// Waits; on a fast clock the session's time jumps ahead.
    pub(super) async fn sleep(&self, time: Duration) {
        match self.session.clock {
            Clock::Real => tokio::time::sleep(time).await,
            Clock::Fast => {
                self.session.lock().time.advance(time);
                // A long script must not keep its thread from the sockets.
                tokio::task::yield_now().await;
            }
        }
    }

    /// The messages that came since the last call.
    pub(super) fn take_messages(&self) -> Vec<String> {
        let mut state = self.session.lock();
        let turn = state.turns.get_mut(self.index);
        turn.map(|turn| turn.inbox.drain(..).collect())
            .unwrap_or_default()
    }

    pub(super) async fn wait_for_message(&self) -> String {
        self.wait(|turn| turn.inbox.pop_front()).await
    }

    pub(super) async fn wait_for_socket(&self) {
        self.wait(|turn| (turn.sockets > 0).then_some(())).await;
    }

    /// Waits until `look` finds something.
    async fn wait<T>(&self, mut look: impl FnMut(&mut Turn) -> Option<T>) -> T {
        loop {
            // Made before the turn is looked at, so that no change in between is missed.
            let changed = self.session.changed().notified();
            {
                let mut state = self.session.lock();
                if let Some(found) = state.turns.get_mut(self.index).and_then(&mut look) {
                    return found;
                }
            }
            changed.await;
        }
    }
}

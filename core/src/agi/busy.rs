//! Lets a session take one task at a time.

use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::api::Api;
use super::claim::{Claim, LastTask, Verdict, judge, newest_question, open_question};
use super::models::{IfBusy, ListMessages, Messages};
use crate::error::Result;
use crate::event::Event;

/// Pauses between looks at a session whose status and messages contradict each other.
pub(super) const LOOK_AGAIN: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// How long a session that was created here, and not used, counts as unused by others
/// too.
const FRESH: Duration = Duration::from_secs(60);

/// The time between two looks while waiting for another task's end.
const WAIT: Duration = Duration::from_secs(1);

/// A session that can take a task. No other task of this client starts in it while
/// this lives.
pub(super) struct Vacancy {
    /// The highest message id before the task.
    pub(super) baseline: i64,
    _start: OwnedMutexGuard<()>,
}

/// A session whose last task has not ended.
pub(super) struct Busy {
    /// The question that is open.
    pub(super) question: Option<Event>,
    /// The task, if this client started it.
    pub(super) claim: Option<Claim>,
}

enum Look {
    Free(i64),
    Busy(Busy),
}

impl Api {
    /// Sees to it that the session can take a task: the one place that decides.
    pub(super) async fn vacancy(
        &self,
        session_id: &str,
        if_busy: IfBusy,
    ) -> Result<Result<Vacancy, Busy>> {
        let mut cancelled = false;
        loop {
            // One start at a time: a second one finds the first one's task.
            let lock = self.start_lock(session_id);
            let closed = async { Ok(lock.lock_owned().await) };
            let start = self.closing().until_closed(closed).await?;
            let busy = match self.look(session_id).await? {
                Look::Free(baseline) => {
                    return Ok(Ok(Vacancy {
                        baseline,
                        _start: start,
                    }));
                }
                Look::Busy(busy) => busy,
            };
            drop(start);
            match if_busy {
                IfBusy::Wait => self.wait_for_end_of(&busy).await?,
                IfBusy::Cancel if !cancelled => {
                    cancelled = true;
                    self.command(session_id, "cancel").await?;
                    if let Some(claim) = busy.claim {
                        claim.cancelled();
                    }
                }
                IfBusy::Cancel | IfBusy::Error => return Ok(Err(busy)),
            }
        }
    }

    /// What the service and this client know of the session's last task. One request,
    /// which the baseline needs anyway; none for a session that was created here and
    /// not used since.
    async fn look(&self, session_id: &str) -> Result<Look> {
        let known = self.cached(session_id).unwrap_or_default();
        if known.fresh.is_some_and(|created| created.elapsed() < FRESH) {
            return Ok(Look::Free(0));
        }
        let last = known.last.settled();
        let options = ListMessages {
            after_id: match &last {
                LastTask::Open(claim) => claim.baseline(),
                _ => known.sent_after.unwrap_or(known.high).min(known.high),
            },
            sanitize: true,
        };
        let mut pauses = LOOK_AGAIN.iter();
        loop {
            let seen = self.messages(session_id, &options).await?;
            let busy = match judge(&last, known.sent_after.is_some(), &seen) {
                Verdict::Free => false,
                Verdict::Busy => true,
                Verdict::Unsure { busy } => match pauses.next() {
                    Some(pause) => {
                        self.closing().sleep(*pause).await?;
                        continue;
                    }
                    None => busy,
                },
            };
            if !busy {
                let newest = seen.messages.last().map_or(0, |message| message.id);
                return Ok(Look::Free(self.knows(session_id, newest)));
            }
            return Ok(Look::Busy(Busy {
                question: self.open_question(session_id, seen).await?,
                // Not where this look saw its end: then the task is another's.
                claim: match self.cached(session_id).unwrap_or_default().last {
                    LastTask::Open(claim) => Some(claim),
                    _ => None,
                },
            }));
        }
    }

    /// The question that keeps a task waiting.
    async fn open_question(&self, session_id: &str, mut seen: Messages) -> Result<Option<Event>> {
        if seen.status == "waiting_for_input" && newest_question(&seen).is_none() {
            // It was read before this look.
            seen = self.messages(session_id, &ListMessages::default()).await?;
            return Ok(newest_question(&seen));
        }
        Ok(open_question(&seen))
    }

    async fn wait_for_end_of(&self, busy: &Busy) -> Result<()> {
        let pause = self.closing().sleep(WAIT);
        match busy.claim.as_ref().and_then(Claim::followed) {
            Some(progress) => tokio::select! {
                () = progress.ended() => Ok(()),
                slept = pause => slept,
            },
            None => pause.await,
        }
    }
}

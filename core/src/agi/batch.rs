//! The tasks of a fan-out by a journal: each step is noted before it is done, so that the next
//! process goes on where this one was.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::api::Api;
use super::handle;
use super::models::{RunTasks, StartTask, TaskResult};
use super::task::Task;
use crate::background::{Offer, Piece};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::journal::{Book, Ended, Entry, Journal, Known, Step, now};
use crate::key_mark::KeyMark;
use crate::responses::says_gone;

/// A journal, and how far it says that each task came.
pub(super) struct Batch {
    journal: Arc<Journal>,
    tasks: Mutex<HashMap<String, Known>>,
    /// Of this client's key.
    key: KeyMark,
    retry_failed: bool,
    /// What failed after that place was sent once more already.
    retries_since: Option<u64>,
    /// What is lost up to that place is told at the client's end.
    tells_up_to: Option<u64>,
}

/// A task's session, and the handle by which the task is sent or was.
pub(super) struct Begun {
    pub(super) session_id: String,
    pub(super) handle: String,
    /// While this process has the session, if it made it.
    pub(super) _piece: Option<Piece>,
    /// This process made the session: no other one can have sent the task.
    is_new: bool,
    was_sent: bool,
}

/// What became of a task in this process.
pub(super) struct Ran {
    pub(super) result: Result<TaskResult>,
    pub(super) undeleted: Option<Error>,
    /// The next process with this journal goes on with it.
    pub(super) unfinished: bool,
}

impl Ran {
    pub(super) fn unfinished(error: Error) -> Self {
        Self {
            result: Err(error),
            undeleted: None,
            unfinished: true,
        }
    }
}

impl Batch {
    /// Takes the journal of a plan, if it has one, and compares it with the tasks.
    pub(super) fn open(api: &Api, plan: &RunTasks, ids: &[String]) -> Result<Option<Self>> {
        let Some(path) = &plan.journal else {
            return Ok(None);
        };
        let key = KeyMark::new(&api.config().api_key)?;
        let (journal, book) =
            Journal::open(path, api.config().base_url(), &key, plan.retry_failed)?;
        compare(&journal, &book, plan, ids)?;
        report(api, &journal, &book, ids);
        Ok(Some(Self {
            tells_up_to: (!book.lost.is_empty()).then(|| journal.length()),
            journal: Arc::new(journal),
            tasks: Mutex::new(book.tasks),
            key,
            retry_failed: plan.retry_failed,
            retries_since: book.retries_since,
        }))
    }

    /// Lets another process have the journal.
    pub(super) fn release(&self) {
        if let Some(up_to) = self.tells_up_to
            && let Err(error) = self.journal.write(&Entry::Told { up_to }, false)
        {
            // Then it is told again.
            tracing::warn!("{error}");
        }
        self.journal.release();
    }

    /// How far a task came.
    pub(super) fn step(&self, id: &str) -> Step {
        let step = self.lock().get(id).map(|known| known.step.clone());
        step.unwrap_or_default()
    }

    /// Where in the journal the end of a task stands that is not to be sent again, and its
    /// session, if that is still to be deleted.
    pub(super) fn ended(&self, id: &str) -> Option<(u64, Option<String>)> {
        match self.step(id) {
            Step::Ended {
                failed: true, at, ..
            } if self.retry_failed && self.retries_since.is_none_or(|since| at < since) => None,
            Step::Ended {
                at,
                session_id,
                deleted,
                ..
            } => Some((at, Some(session_id).filter(|_| !deleted))),
            _ => None,
        }
    }

    /// What the journal says of the end of a task, which begins there.
    pub(super) fn outcome_at(&self, at: u64, undeleted: Option<Error>) -> Ran {
        let kept = match self.journal.entry_at(at) {
            Ok(Entry::Ended(kept)) => kept,
            Ok(_) => return Ran::unfinished(self.changed()),
            Err(error) => return Ran::unfinished(error),
        };
        let result = match (kept.result, kept.error) {
            (Some(result), _) => TaskResult::of_kept(result).ok_or_else(|| self.changed()),
            (None, Some(error)) => Err(Error::of_kept(&error)),
            (None, None) => Err(self.changed()),
        };
        Ran {
            result,
            undeleted,
            unfinished: false,
        }
    }

    /// Whether a task has a session that another key created: this one may not see it.
    pub(super) fn is_of_another_key(&self, id: &str) -> bool {
        let made = self.lock().get(id).map(|known| known.key.clone());
        made.is_some_and(|key| !key.is_empty() && !self.key.is_same(&KeyMark::from(key)))
    }

    /// Notes that a session is about to be created for a task.
    pub(super) async fn creating(&self, id: &str, digest: String, agent_name: &str) -> Result<()> {
        if let Some(known) = self.lock().get_mut(id) {
            known.key = String::new();
        }
        let entry = Entry::Creating {
            id: id.to_owned(),
            digest,
            agent_name: agent_name.to_owned(),
            time: now(),
        };
        self.note(entry, false).await
    }

    /// Notes that there will be no session, or none any more, and that nothing was sent.
    pub(super) async fn dropped(&self, id: &str) {
        self.came(id, Step::None);
        let id = id.to_owned();
        self.tell(Entry::Dropped { id }).await;
    }

    /// Notes that a session was created for a task.
    pub(super) async fn created(&self, id: &str, session_id: &str) -> Result<()> {
        let (id, session_id) = (id.to_owned(), session_id.to_owned());
        self.note(Entry::Created { id, session_id }, false).await
    }

    /// Prepares a task in its session, and notes how it will be sent.
    pub(super) async fn prepare(
        &self,
        api: &Api,
        id: &str,
        session_id: &str,
        start: StartTask,
        piece: Option<Piece>,
    ) -> Result<Begun> {
        let handle = handle::prepare(api, session_id, start).await?;
        let entry = Entry::Prepared {
            id: id.to_owned(),
            handle: handle.clone(),
        };
        // Whatever happens to the machine: what was sent must be known to be.
        self.note(entry, true).await?;
        Ok(Begun {
            session_id: session_id.to_owned(),
            handle,
            is_new: piece.is_some(),
            _piece: piece,
            was_sent: false,
        })
    }

    /// The task that an earlier process prepared or sent by this handle.
    pub(super) fn begun(&self, id: &str, handle: String, was_sent: bool) -> Result<Begun> {
        let session_id = Handle::decode(&handle)?.task_session()?;
        let step = if was_sent { Step::Sent } else { Step::Prepared };
        self.came(id, step(handle.clone()));
        Ok(Begun {
            session_id,
            handle,
            _piece: None,
            is_new: false,
            was_sent,
        })
    }

    /// Goes on with a task, which sends it unless it was sent.
    pub(super) async fn start(&self, api: &Api, id: &str, begun: &Begun) -> Result<Task> {
        let task = handle::resume_noted(api, &begun.handle).await?;
        let handle = task.handle();
        self.came(id, Step::Sent(handle.clone()));
        if !begun.was_sent {
            let id = id.to_owned();
            // By the prepared handle it would be found, too.
            self.tell(Entry::Sent { id, handle }).await;
        }
        Ok(task)
    }

    /// Whether it is certain that nobody sent the task that failed like this.
    pub(super) fn is_unsent(&self, id: &str, begun: &Begun, error: &Error) -> bool {
        begun.is_new && !error.maybe_delivered() && !matches!(self.step(id), Step::Sent(_))
    }

    /// Notes how a task ended.
    pub(super) async fn over(
        &self,
        id: &str,
        session_id: &str,
        result: &Result<TaskResult>,
    ) -> Result<()> {
        let entry = Entry::Ended(Box::new(Ended {
            id: id.to_owned(),
            session_id: session_id.to_owned(),
            result: result
                .as_ref()
                .ok()
                .map(|result| serde_json::to_value(result).unwrap_or_default()),
            error: result.as_ref().err().map(Error::kept),
        }));
        // On the disk before its session is deleted: nobody could ask again.
        self.note(entry, true).await
    }

    /// Notes that the session of a task that is over is gone.
    pub(super) async fn deleted(&self, id: &str) {
        let id = id.to_owned();
        self.tell(Entry::Deleted { id }).await;
    }

    /// Notes that every task is over: from here on, those that failed may be sent once more.
    pub(super) async fn finished(&self) {
        self.tell(Entry::Finished).await;
    }

    fn came(&self, id: &str, step: Step) {
        self.lock().entry(id.to_owned()).or_default().step = step;
    }

    /// An entry without which the next process would do no harm.
    async fn tell(&self, entry: Entry) {
        if let Err(error) = self.note(entry, false).await {
            tracing::warn!("{error}");
        }
    }

    /// Not on a thread that the event streams need: a disk may be slow.
    async fn note(&self, entry: Entry, lasting: bool) -> Result<()> {
        let journal = self.journal.clone();
        tokio::task::spawn_blocking(move || journal.write(&entry, lasting))
            .await
            .unwrap_or_else(|_| Err(Error::closed()))
    }

    fn changed(&self) -> Error {
        Error::invalid(format!(
            "The journal {} was changed while it was used. Put it back as it was, and start again",
            self.journal.path().display()
        ))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nothing can change how a task ended that failed like this.
pub(super) fn is_over(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Task
        | ErrorKind::QuestionPending
        | ErrorKind::TaskTimeout
        | ErrorKind::EventTooLarge => true,
        // Any server says 404 while the service is deployed anew.
        ErrorKind::NotFound => says_gone(error),
        ErrorKind::Conflict => error.code() == Some("session_has_moved_on"),
        ErrorKind::Stream => error.reason() == Some("session_gone"),
        _ => false,
    }
}

/// Whether the service refused to take the task as it is: it would the next time.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BadRequest | ErrorKind::UnprocessableEntity
    )
}

/// Whether the session is not there, or not for this key.
pub(super) fn is_gone(error: &Error) -> bool {
    says_gone(error) || error.reason() == Some("session_gone")
}

/// A session that this process makes for a task: it takes it, and outlives the process.
pub(super) fn keep(api: &Api, offer: Offer<super::models::SessionInfo>) -> (String, Option<Piece>) {
    let session_id = offer.session_id.clone();
    let (_, piece) = offer.hold(&session_id);
    // The journal has it: no end of a process deletes it.
    if let Some(known) = api.cache().get_mut(&session_id) {
        known.created = None;
    }
    (session_id, piece)
}

/// Refuses tasks that are others than those of the journal.
fn compare(journal: &Journal, book: &Book, plan: &RunTasks, ids: &[String]) -> Result<()> {
    for (index, (task, id)) in plan.tasks.iter().zip(ids).enumerate() {
        let Some(known) = book.tasks.get(id) else {
            continue;
        };
        let digest = plan.digest_of(task);
        if known.digest == digest {
            continue;
        }
        let names = ["message", "start_url", "parameters of `create`"];
        let parts = known.digest.split('.').zip(digest.split('.'));
        let differing = names
            .iter()
            .zip(parts)
            .filter(|(_, (was, is))| was != is)
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(" and ");
        return Err(Error::invalid(format!(
            "The task with the index {index} (`id` {id:?}) is another one than in the journal {}: its {differing} \
             changed. Pass the tasks as they were, in their order unless each has an `id`; new ones at the end, or \
             with an `id` of their own. For another batch, name another journal",
            journal.path().display()
        )));
    }
    Ok(())
}

/// The session that a task has at this step.
fn session_of(step: &Step) -> Option<String> {
    match step {
        Step::Created(session_id) | Step::Ended { session_id, .. } => Some(session_id.clone()),
        Step::Prepared(handle) | Step::Sent(handle) => {
            Handle::decode(handle).and_then(Handle::task_session).ok()
        }
        Step::None | Step::Creating => None,
    }
}

/// Says which sessions may be left that no task of this call will delete.
fn report(api: &Api, journal: &Journal, book: &Book, ids: &[String]) {
    let path = journal.path().display();
    if !book.lost.is_empty() {
        let when: Vec<_> = book
            .lost
            .iter()
            .map(|lost| format!("{} at {}", lost.agent_name, lost.time))
            .collect();
        api.background().report(Error::new(
            ErrorKind::Timeout,
            format!(
                "Of {} sessions that were being created by the journal {path} nobody knows whether they are there ({}): \
                 the process ended before the answer came. Nothing was sent in them, but they may go on costing. Look \
                 for them in the list of sessions, and delete what is there. This is told once",
                book.lost.len(),
                when.join(", ")
            ),
        ).without_advice());
    }
    let called: HashSet<&String> = ids.iter().collect();
    for (id, known) in &book.tasks {
        let left = matches!(
            &known.step,
            Step::Created(_)
                | Step::Prepared(_)
                | Step::Sent(_)
                | Step::Ended { deleted: false, .. }
        );
        if left && !called.contains(id) {
            let session = session_of(&known.step).unwrap_or_default();
            api.background().report(Error::new(
                ErrorKind::Timeout,
                format!(
                    "The task {id:?} of the journal {path} is not among the tasks, and its session {session} may go on \
                     costing. Pass the task again to end it. Or delete the session, and name another journal: this one says \
                     so at each start"
                ),
            ).without_advice());
        }
    }
}

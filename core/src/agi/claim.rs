//! Whose task is it: what is known of a session's last task, and what its messages
//! say. Without requests.

use std::sync::{Arc, Weak};

use super::models::{Message, Messages, is_terminal};
use super::progress::{Identity, Progress, TaskEnd};
use crate::event::Event;
use crate::stream::{EventQueue, WeakQueue};

/// A task that this client started, as its session remembers it. It keeps neither
/// the task nor its stream.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) identity: Identity,
    progress: Weak<Progress>,
    queue: WeakQueue,
}

impl Claim {
    pub(super) fn new(progress: &Arc<Progress>, queue: &EventQueue) -> Self {
        Self {
            identity: progress.identity.clone(),
            progress: Arc::downgrade(progress),
            queue: queue.downgrade(),
        }
    }

    /// The highest message id before it.
    pub(super) fn baseline(&self) -> i64 {
        self.identity.baseline
    }

    /// Ends every wait for it here: it was cancelled.
    pub(super) fn cancelled(&self) {
        if let Some(progress) = self.progress.upgrade() {
            progress.end(TaskEnd::Cancelled);
        }
        if let Some(queue) = self.queue.upgrade() {
            queue.finish(Ok(()));
        }
    }

    /// Its progress, while a stream still writes it.
    pub(super) fn followed(&self) -> Option<Arc<Progress>> {
        let queue = self.queue.upgrade()?;
        let progress = self.progress.upgrade()?;
        let read = !queue.is_closed() && !queue.is_full();
        (read && progress.lock().log.end().is_none()).then_some(progress)
    }

    /// How it ended, as far as somebody here saw it.
    fn end(&self) -> Option<TaskEnd> {
        self.progress.upgrade()?.lock().log.end()
    }
}

/// What this client knows of a session's last task.
#[derive(Debug, Clone, Default)]
pub(super) enum LastTask {
    /// Nothing.
    #[default]
    Unknown,
    /// It was started here, and its end was not seen.
    Open(Claim),
    /// Its end was seen.
    Over,
    /// It was cancelled here.
    Cancelled,
}

impl LastTask {
    /// With what its handles have seen meanwhile.
    pub(super) fn settled(self) -> Self {
        let end = match &self {
            Self::Open(claim) => claim.end(),
            _ => None,
        };
        match end {
            None | Some(TaskEnd::Broken(_)) => self,
            Some(TaskEnd::Cancelled) => Self::Cancelled,
            Some(TaskEnd::Done(_) | TaskEnd::Failed(_) | TaskEnd::WithoutResult) => Self::Over,
        }
    }
}

/// What messages say of a session's last task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has ended.
    Free,
    /// It goes on.
    Busy,
    /// The status and the messages contradict each other, which may pass: the
    /// status can lag behind both a message and an end. What holds if it stays.
    Unsure { busy: bool },
}

/// Whether a message is the end of a task.
pub(super) fn is_outcome(message: &Message) -> bool {
    matches!(message.message_type.as_str(), "DONE" | "ERROR")
}

/// The newest question among these messages.
pub(super) fn newest_question(seen: &Messages) -> Option<Event> {
    let mut newest = seen.messages.iter().rev();
    let asked = newest.find(|message| message.message_type == "QUESTION");
    asked.and_then(Event::from_message)
}

/// The question that waits for an answer, where these messages have it.
pub(super) fn open_question(seen: &Messages) -> Option<Event> {
    let is_open = seen.status == "waiting_for_input";
    is_open.then(|| newest_question(seen)).flatten()
}

/// What messages since a question say of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing speaks against it.
    Still,
    /// It is not open any more, and why.
    Over(&'static str),
    /// The session is not at work, so its task is over; or its status lags behind.
    Idle,
}

/// Whether this question waits for its answer, by the messages since it was asked.
pub(super) fn asked(question: &Event, seen: &Messages) -> Asked {
    let after = |message: &&Message| message.id > question.id().unwrap_or(0);
    let mut later = seen.messages.iter().filter(after);
    let told = later.find_map(|message| match message.message_type.as_str() {
        // Without an id of the question, the task's own message is among them.
        "USER" if question.id().is_some() => Some("it has an answer, or another task was started"),
        "DONE" | "ERROR" => Some("its task is over"),
        "QUESTION" if question.id().is_some() => Some("the agent went on, and asks something else"),
        _ => None,
    });
    match (told, seen.status.as_str()) {
        (Some(why), _) => Asked::Over(why),
        (None, "ready") => Asked::Idle,
        (None, status) if is_terminal(status) => Asked::Idle,
        (None, _) => Asked::Still,
    }
}

/// The newest question that has its answer, by a message of the user after it.
pub(super) fn newest_answered(seen: &Messages) -> Option<i64> {
    let told = seen.messages.iter().filter(|message| message.id > 0);
    let newest_of_user = told
        .clone()
        .filter(|message| message.message_type == "USER")
        .map(|message| message.id)
        .max()?;
    told.filter(|message| message.message_type == "QUESTION" && message.id < newest_of_user)
        .map(|message| message.id)
        .max()
}

/// Whether the session can take a task, by the messages since its last one began, or
/// since what is known. `sent`: a message was sent from here, and no end was seen
/// since.
pub(super) fn judge(last: &LastTask, sent: bool, seen: &Messages) -> Verdict {
    let ended = seen.messages.iter().any(is_outcome);
    let since: Vec<&str> = seen
        .messages
        .iter()
        .rev()
        .take_while(|message| !is_outcome(message))
        .map(|message| message.message_type.as_str())
        .collect();
    let at_work = since.iter().any(|kind| *kind != "LOG");
    let asked_for = since.contains(&"USER");
    let status = seen.status.as_str();
    let idle = is_terminal(status) || status == "ready";
    let busy = matches!(status, "running" | "waiting_for_input" | "paused");
    match last {
        LastTask::Open(claim) if !ended => match idle {
            // Only its own stream sees that it ended without a result.
            true => Verdict::Unsure {
                busy: claim.followed().is_some(),
            },
            false => Verdict::Busy,
        },
        // What comes late from a cancelled task says nothing.
        LastTask::Cancelled if busy && asked_for => Verdict::Busy,
        LastTask::Cancelled if busy => Verdict::Unsure { busy: true },
        LastTask::Cancelled => Verdict::Free,
        _ if idle && sent && !ended => Verdict::Unsure { busy: false },
        _ if idle => Verdict::Free,
        LastTask::Unknown if busy && !ended => Verdict::Busy,
        _ if at_work => Verdict::Busy,
        _ if busy => Verdict::Unsure { busy: true },
        // A status of the service's own, and nothing that speaks for a task.
        _ if sent && !ended => Verdict::Busy,
        _ => Verdict::Free,
    }
}

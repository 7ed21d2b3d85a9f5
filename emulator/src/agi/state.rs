//! What changes in a session: its task, its log, its page.

use super::log::{Draft, Log};
use super::models::{ExecutionStatus, SessionStatus};
use crate::agent::Detached;
use crate::clock::{Clock, SessionTime};
use crate::page::Page;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::task::Waker;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(super) struct State {
    pub(super) time: SessionTime,
    pub(super) initializing: bool,
    pub(super) deleted: bool,
    pub(super) phase: Phase,
    /// Counts the tasks; an agent whose number is not this one has lost its task.
    pub(super) tasks: u64,
    /// The text of the newest task.
    pub(super) task_text: String,
    pub(super) log: Log,
    pub(super) page: Page,
    /// Counts the pages shown.
    pub(super) pages: u64,
    /// Counts the changes of anything that can be seen.
    pub(super) version: u64,
    /// An execution status that is no longer true, and how many responses still report it.
    pub(super) late: Option<(ExecutionStatus, u32)>,
    /// Where the script that plays is.
    pub(super) place: Option<String>,
    /// What the scripts of its tasks kept, by name.
    pub(super) saved: BTreeMap<String, String>,
    /// The streams that are open and were not cut, by reader.
    pub(super) streams: HashSet<u64>,
    /// Streams that wait for the log to grow.
    pub(super) waiting: HashMap<u64, Waker>,
}

/// What the session's agent is doing.
#[derive(Debug)]
pub(super) enum Phase {
    Idle(Outcome),
    Busy(CurrentTask),
}

/// How the last task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    None,
    Done,
    Error,
    Cancelled,
}

/// The task in progress.
#[derive(Debug)]
pub(super) struct CurrentTask {
    pub(super) paused: bool,
    /// How often a request paused it.
    pub(super) pauses: u64,
    pub(super) question: Question,
    pub(super) updates: Vec<String>,
    pub(super) cancelled: CancellationToken,
}

/// Where the task stands with its question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    None,
    Open,
    /// Answered; while the task is paused the agent does not take it yet.
    Answered(String),
}

impl State {
    pub(super) fn new(clock: Clock, page: Page, initializing: bool) -> Self {
        Self {
            time: SessionTime::new(clock),
            initializing,
            deleted: false,
            phase: Phase::Idle(Outcome::None),
            tasks: 0,
            task_text: String::new(),
            log: Log::default(),
            page,
            pages: 0,
            version: 0,
            late: None,
            place: None,
            saved: BTreeMap::new(),
            streams: HashSet::new(),
            waiting: HashMap::new(),
        }
    }

    pub(super) fn status(&self) -> SessionStatus {
        match &self.phase {
            _ if self.initializing => SessionStatus::Initializing,
            Phase::Busy(task) if task.paused => SessionStatus::Paused,
            Phase::Busy(_) => SessionStatus::Running,
            Phase::Idle(Outcome::None | Outcome::Cancelled) => SessionStatus::Ready,
            Phase::Idle(Outcome::Done) => SessionStatus::Completed,
            Phase::Idle(Outcome::Error) => SessionStatus::Error,
        }
    }

    pub(super) fn execution(&self, extended: bool) -> ExecutionStatus {
        match &self.phase {
            Phase::Busy(task) if extended && task.paused => ExecutionStatus::Paused,
            Phase::Busy(task) if task.waits() => ExecutionStatus::WaitingForInput,
            Phase::Busy(_) => ExecutionStatus::Running,
            Phase::Idle(Outcome::None | Outcome::Cancelled) if extended => ExecutionStatus::Ready,
            Phase::Idle(Outcome::Error) => ExecutionStatus::Error,
            Phase::Idle(_) => ExecutionStatus::Finished,
        }
    }

    /// The execution status as a response reports it.
    pub(super) fn reported(&mut self, extended: bool) -> ExecutionStatus {
        match self.late.take() {
            Some((status, answers)) => {
                self.late = (answers > 1).then_some((status, answers - 1));
                status
            }
            None => self.execution(extended),
        }
    }

    pub(super) fn append(&mut self, drafts: Vec<Draft>) -> Wake {
        self.log.append(drafts, self.time.now());
        self.wake()
    }

    pub(super) fn wake(&mut self) -> Wake {
        self.version += 1;
        Wake(self.waiting.drain().map(|(_, waker)| waker).collect())
    }

    /// The task in progress, if it is still number `number`.
    pub(super) fn task(&mut self, number: u64) -> Result<&mut CurrentTask, Detached> {
        match &mut self.phase {
            Phase::Busy(task) if self.tasks == number && !self.deleted => Ok(task),
            _ => Err(Detached),
        }
    }
}

impl CurrentTask {
    /// An answer that came during a pause counts when the task goes on: until then the status is held.
    fn waits(&self) -> bool {
        match self.question {
            Question::None => false,
            Question::Open => true,
            Question::Answered(_) => self.paused,
        }
    }
}

/// Streams to wake, once the state is unlocked.
#[must_use]
pub(super) struct Wake(Vec<Waker>);

impl Wake {
    pub(super) fn now(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

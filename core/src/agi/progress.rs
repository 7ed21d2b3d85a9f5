//! What is known of a task: written by its stream, read by its handles.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventType};
use crate::handle::Digest;
use crate::stream::{Places, TaskLog, Watched};
use crate::telemetry::Ending;

/// How a task ended.
#[derive(Debug, Clone)]
pub(super) enum TaskEnd {
    Done(Event),
    Failed(Event),
    WithoutResult,
    Cancelled,
    Broken(Error),
}

impl TaskEnd {
    pub(super) fn of_event(event: &Event) -> Option<Self> {
        match event.event_type() {
            EventType::Done => Some(Self::Done(event.clone())),
            EventType::Error => Some(Self::Failed(event.clone())),
            _ => None,
        }
    }

    /// The same for a span.
    pub(super) fn ending(self) -> Ending {
        match self {
            Self::Done(event) => Ending::well("completed", event.text()),
            Self::Failed(_) => Ending::badly("failed", ErrorKind::Task),
            Self::WithoutResult => Ending::badly("ended_without_result", ErrorKind::Task),
            Self::Cancelled => Ending::badly("cancelled", ErrorKind::Task),
            Self::Broken(error) => Ending::lost(error.kind()),
        }
    }
}

/// Which task it is: what a session remembers of it, and what a handle says.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The highest message id before it.
    pub(super) baseline: i64,
    pub(super) started: Instant,
    /// What was sent.
    pub(super) message: Digest,
}

/// What is known of a task: written by its stream, read by its handles.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) session_id: String,
    pub(super) identity: Identity,
    /// Everything up to this id was given to the consumer before, in another process perhaps.
    pub(super) begins_after: i64,
    pub(super) state: Watched<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) question: Option<Event>,
    /// The id of the newest question.
    pub(super) asked: Option<i64>,
    /// The id of the newest question that is known to have its answer.
    pub(super) answered: Option<i64>,
    /// The highest ids of the events for the consumer.
    places: Places<i64>,
    pub(super) log: TaskLog<TaskEnd>,
}

impl Progress {
    pub(super) fn new(session_id: String, identity: Identity, begins_after: i64) -> Self {
        let started = identity.started;
        Self {
            session_id,
            identity,
            begins_after,
            state: Watched::new(State {
                question: None,
                asked: None,
                answered: None,
                places: Places::new(begins_after),
                log: TaskLog::new(started),
            }),
        }
    }

    pub(super) fn baseline(&self) -> i64 {
        self.identity.baseline
    }

    /// Whether the agent was seen at work.
    pub(super) fn has_started(&self) -> bool {
        !self.lock().log.is_empty()
    }

    /// Notes an event of this task.
    pub(super) fn saw(&self, event: &Event) {
        let mut state = self.lock();
        // What comes after its end is the next task's. A stream that broke is no end.
        if !matches!(state.log.end(), None | Some(TaskEnd::Broken(_))) {
            return;
        }
        match event.event_type() {
            // A replay may show one that has its answer.
            EventType::Question if event.id().is_some() && event.id() <= state.answered => {}
            EventType::Question => {
                state.asked = event.id();
                state.question = Some(event.clone());
            }
            // Neither says that the agent went on.
            EventType::Log | EventType::Paused | EventType::Resumed | EventType::Other(_) => {}
            // A replay shows what came before the question, too.
            _ if event.id().is_some() && event.id() < state.asked => {}
            _ => state.question = None,
        }
        if let Some(end) = TaskEnd::of_event(event) {
            state.log.end_with(end);
        }
        state.log.saw(event);
    }

    /// Takes the open question, if it is the one of this id, for its answer, which is on its way
    /// now: a replay does not open it again meanwhile. With it the question that was known to have its answer before, to be noted
    /// again if this one does not arrive.
    pub(super) fn begin_answer(&self, asked: Option<i64>) -> Option<(Event, Option<i64>)> {
        let mut state = self.lock();
        let question = state
            .question
            .take_if(|open| asked.is_none() || open.id() == asked)?;
        let before = state.answered;
        state.answered = before.max(question.id());
        Some((question, before))
    }

    /// Notes the place of an event that goes into the consumer's queue.
    pub(super) fn queued(&self, event: &Event) {
        let mut state = self.lock();
        // One that came late does not move the consumer back.
        let place = event.id().unwrap_or(i64::MIN).max(*state.places.latest());
        state.places.push(place);
    }

    /// The consumer has so many events at least.
    pub(super) fn handed_over(&self, count: u64) {
        self.lock().places.forget_before(count);
    }

    /// The highest id among the first so many events for the consumer.
    pub(super) fn position_after(&self, count: u64) -> i64 {
        *self.lock().places.after(count)
    }

    /// Tells those who wait that something was noted.
    pub(super) fn publish(&self) {
        self.state.publish();
    }

    /// The stream ended: well, without a result (`true`), or with an error.
    pub(super) fn stream_ended(&self, end: &Result<bool>) {
        match end {
            Ok(false) => self.publish(),
            Ok(true) => self.end(TaskEnd::WithoutResult),
            Err(error) => self.end(TaskEnd::Broken(error.clone())),
        }
    }

    pub(super) fn end(&self, end: TaskEnd) {
        let mut state = self.lock();
        state.log.end_with(end);
        state.question = None;
        drop(state);
        self.publish();
    }

    /// Resolves once an end is known.
    pub(super) async fn ended(&self) {
        loop {
            let change = self.state.change();
            if self.lock().log.end().is_some() {
                return;
            }
            change.wait().await;
        }
    }

    pub(super) fn duration(&self) -> Duration {
        self.lock().log.duration()
    }

    pub(super) fn recent(&self) -> Vec<Event> {
        self.lock().log.recent()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

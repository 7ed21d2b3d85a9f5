//! What is known of a task: written by its stream, read by its handles.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::event::{Event, EventType};
use crate::stream::{TaskLog, Watched};

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
}

/// What is known of a task: written by its stream, read by its handles.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) session_id: String,
    pub(super) baseline: i64,
    pub(super) state: Watched<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) question: Option<Event>,
    /// The id of the newest question.
    pub(super) asked: Option<i64>,
    /// The id of the newest question that has its answer from here.
    pub(super) answered: Option<i64>,
    pub(super) log: TaskLog<TaskEnd>,
}

impl Progress {
    pub(super) fn new(session_id: String, baseline: i64, started: Instant) -> Self {
        Self {
            session_id,
            baseline,
            state: Watched::new(State {
                question: None,
                asked: None,
                answered: None,
                log: TaskLog::new(started),
            }),
        }
    }

    pub(super) fn baseline(&self) -> i64 {
        self.baseline
    }

    /// Whether the agent was seen at work.
    pub(super) fn has_started(&self) -> bool {
        !self.lock().log.is_empty()
    }

    /// Notes an event of this task.
    pub(super) fn saw(&self, event: &Event) {
        let mut state = self.lock();
        match event.event_type() {
            // A replay may show one that has its answer.
            EventType::Question if event.id().is_some() && event.id() == state.answered => {}
            EventType::Question => {
                state.asked = event.id();
                state.question = Some(event.clone());
            }
            // Neither says that the agent went on.
            EventType::Log | EventType::Paused | EventType::Resumed | EventType::Other(_) => {}
            _ => state.question = None,
        }
        if let Some(end) = TaskEnd::of_event(event) {
            state.log.end_with(end);
        }
        state.log.saw(event);
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

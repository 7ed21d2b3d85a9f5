//! What is remembered of a task or turn: how it ended, and what came last.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::event::Event;

/// How many of the latest events an error carries.
const REMEMBERED: usize = 256;

/// The log of one task or turn; `E` says how it ended.
#[derive(Debug)]
pub(crate) struct TaskLog<E> {
    started: Instant,
    end: Option<(E, Instant)>,
    recent: VecDeque<Event>,
}

impl<E: Clone> TaskLog<E> {
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            end: None,
            recent: VecDeque::new(),
        }
    }

    /// Notes the end. Only the first one counts.
    pub(crate) fn end_with(&mut self, end: E) {
        if self.end.is_none() {
            self.end = Some((end, Instant::now()));
        }
    }

    /// How it ended, if it did.
    pub(crate) fn end(&self) -> Option<E> {
        self.end.as_ref().map(|(end, _)| end.clone())
    }

    /// Remembers an event; one that is repeated only once.
    pub(crate) fn saw(&mut self, event: &Event) {
        if event.id().is_some() && self.recent.back().and_then(Event::id) == event.id() {
            return;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(event.clone());
    }

    /// The latest events, oldest first.
    pub(crate) fn recent(&self) -> Vec<Event> {
        self.recent.iter().cloned().collect()
    }

    /// Whether any event was seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// From the start to the end, or until now.
    pub(crate) fn duration(&self) -> Duration {
        let until = self.end.as_ref().map_or_else(Instant::now, |(_, at)| *at);
        until.duration_since(self.started)
    }
}

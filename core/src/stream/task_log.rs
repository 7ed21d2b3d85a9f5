//! What is remembered of a task or turn: how it ended, and what came last.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::event::Event;
use crate::telemetry::Trace;

/// How many of the latest events an error carries.
const REMEMBERED: usize = 256;
/// Most bytes of them, but for the last one.
const REMEMBERED_BYTES: usize = 16 << 20;

/// The log of one task or turn; `E` says how it ended.
#[derive(Debug)]
pub(crate) struct TaskLog<E> {
    started: Instant,
    end: Option<(E, Instant)>,
    recent: VecDeque<Event>,
    /// The bytes of `recent`.
    size: usize,
    /// The span of it.
    trace: Option<Trace>,
}

impl<E: Clone> TaskLog<E> {
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            end: None,
            recent: VecDeque::new(),
            size: 0,
            trace: None,
        }
    }

    /// Tells this span what comes.
    pub(crate) fn tell(&mut self, trace: Option<&Trace>) {
        self.trace = trace.cloned();
    }

    /// Notes the end. Only the first one counts.
    pub(crate) fn end_with(&mut self, end: E) {
        if self.end.is_none() {
            self.end = Some((end, Instant::now()));
            if let Some(trace) = &self.trace {
                trace.ended();
            }
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
        if let Some(trace) = &self.trace {
            trace.saw(event);
        }
        self.size += event.raw().len();
        while self.recent.len() == REMEMBERED || self.size > REMEMBERED_BYTES {
            let Some(oldest) = self.recent.pop_front() else {
                break;
            };
            self.size -= oldest.raw().len();
        }
        self.recent.push_back(event.clone());
    }

    /// The latest event.
    #[cfg(feature = "raccoon")]
    pub(crate) fn latest(&self) -> Option<&Event> {
        self.recent.back()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventType;

    #[test]
    fn few_large_events_are_remembered_and_many_small_ones() {
        let mut log = TaskLog::<()>::new(Instant::now());
        let event = |id, size| Event::new(EventType::Log, Some(id), "x".repeat(size));
        let ids = |log: &TaskLog<()>| {
            log.recent()
                .iter()
                .filter_map(Event::id)
                .collect::<Vec<_>>()
        };
        for id in 1..=300 {
            log.saw(&event(id, 10));
        }
        assert_eq!(ids(&log), (45..=300).collect::<Vec<_>>());
        for id in 301..=305 {
            log.saw(&event(id, REMEMBERED_BYTES / 3));
        }
        assert_eq!(ids(&log), [303, 304, 305]);
        log.saw(&event(306, REMEMBERED_BYTES + 1));
        assert_eq!(ids(&log), [306]);
        log.saw(&event(307, 10));
        assert_eq!(ids(&log), [307]);
    }
}

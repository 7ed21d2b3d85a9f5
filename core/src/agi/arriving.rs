//! What a connection brought, on its way to the queue.

use std::ops::Range;
use std::sync::Arc;

use crate::event::{Event, EventType};

/// Most bytes that events share: whoever keeps one keeps the texts of all.
const SHARED_BYTES: usize = 16 * 1024;
/// For how many events room is made before they are there, at most.
const MOST_USUAL: usize = 64;

/// Events that come together, until they go to the queue. They share their texts: one allocation
/// for many, made here and freed elsewhere, is all that two threads have to agree on.
#[derive(Default)]
pub(super) struct Arriving {
    events: Vec<Event>,
    /// The texts of those that have none yet.
    text: String,
    parts: Vec<(EventType, Option<i64>, Range<usize>)>,
    /// How many heartbeats came since somebody asked.
    heartbeats: usize,
    /// How many came together the last time: the next time it may be as many.
    usual: usize,
}

impl Arriving {
    pub(super) fn push(&mut self, event_type: EventType, id: Option<i64>, data: &str) {
        self.heartbeats += usize::from(event_type == EventType::Heartbeat);
        if self.text.len() + data.len() > SHARED_BYTES {
            self.share();
        }
        if data.len() > SHARED_BYTES / 4 {
            self.share();
            self.events.push(Event::new(event_type, id, data));
            return;
        }
        if self.parts.is_empty() {
            self.parts.reserve(self.usual);
            self.text
                .reserve((self.usual * data.len()).min(SHARED_BYTES));
        }
        let start = self.text.len();
        self.text.push_str(data);
        self.parts.push((event_type, id, start..self.text.len()));
    }

    /// How many heartbeats came since the last time.
    pub(super) fn take_heartbeats(&mut self) -> usize {
        std::mem::take(&mut self.heartbeats)
    }

    /// Gives the texts to their events.
    fn share(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let text: Arc<str> = std::mem::take(&mut self.text).into();
        let parts = self.parts.drain(..);
        self.events.extend(
            parts.map(|(event_type, id, part)| Event::of_part(event_type, id, &text, part)),
        );
    }

    /// All of them, in the order in which they came.
    pub(super) fn take(&mut self) -> Vec<Event> {
        self.share();
        self.usual = self.events.len().min(MOST_USUAL);
        self.parts = Vec::new();
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(arriving: &mut Arriving) -> Vec<(Option<i64>, String)> {
        let events = arriving.take();
        let parts = events.iter();
        parts
            .map(|event| (event.id(), event.raw().to_owned()))
            .collect()
    }

    #[test]
    fn events_come_out_as_they_went_in_however_large_they_are() {
        let sizes = [
            0,
            1,
            100,
            SHARED_BYTES,
            3,
            SHARED_BYTES / 4,
            0,
            5000,
            4000,
            4000,
            4000,
            9,
        ];
        let mut arriving = Arriving::default();
        for round in 0..3 {
            let expected: Vec<(Option<i64>, String)> = (round..)
                .zip(sizes)
                .map(|(id, size)| (Some(id), "é".repeat(size / 2) + &"x".repeat(size % 2)))
                .collect();
            for (id, data) in &expected {
                arriving.push(EventType::Log, *id, data);
            }
            assert_eq!(taken(&mut arriving), expected);
            assert_eq!(taken(&mut arriving), []);
        }
    }

    #[test]
    fn heartbeats_are_counted_once() {
        let mut arriving = Arriving::default();
        arriving.push(EventType::Heartbeat, None, "{}");
        arriving.push(EventType::Log, Some(1), "{}");
        arriving.push(EventType::Heartbeat, None, "{}");
        assert_eq!(
            (arriving.take_heartbeats(), arriving.take_heartbeats()),
            (2, 0)
        );
    }
}

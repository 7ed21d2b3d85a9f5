//! The resume machine against a session whose stream breaks, repeats and leaves out.
//!
//! Input: bytes, each a step: the session grows, the connection breaks, the server sends the next event, an old one
//! again, leaves one out, or sends an id of the fuzzer's choice. Whatever happens, no id is delivered twice; a server that
//! only breaks, repeats, and leaves out what the messages hold after a break loses nothing and mixes up nothing.

use std::collections::HashSet;

use sessionwire::agi::{Event, EventType};
use sessionwire::stream::resume::{Resume, Step};

pub(crate) fn check(input: &[u8]) {
    let mut session = Session::default();
    let mut consumer = Consumer::new();
    let mut bytes = input.iter().copied();
    consumer.resume.connected();
    while let Some(byte) = bytes.next() {
        let value = usize::from(byte >> 3);
        match byte & 7 {
            0 => session.grow(value),
            // The next connection replays the history from its start.
            1 => {
                consumer.resume.connected();
                session.sent = 0;
                session.broken = true;
            }
            2..=4 => {
                if let Some(id) = session.next() {
                    consumer.receive(id, &session);
                }
            }
            5 => {
                if let Some(id) = session.again(value) {
                    consumer.receive(id, &session);
                }
            }
            // A first connection that leaves something out is not noticed before the next one brings it.
            6 if session.broken => drop(session.next()),
            7 => {
                consumer.wild = true;
                let mut id = [byte; 8];
                id.fill_with(|| bytes.next().unwrap_or(0));
                consumer.receive(i64::from_le_bytes(id) >> (value * 2), &session);
            }
            _ => {}
        }
    }
    if !consumer.wild {
        consumer.read_messages(&session);
        let all: Vec<i64> = session.events.clone();
        assert_eq!(consumer.got, all);
    }
}

/// A session: its events by id, all of them also in the messages.
#[derive(Default)]
struct Session {
    events: Vec<i64>,
    /// How many of them this connection sent.
    sent: usize,
    /// The first connection is over.
    broken: bool,
}

impl Session {
    /// One event more; ids may leave holes.
    fn grow(&mut self, hole: usize) {
        let last = self.events.last().copied().unwrap_or(0);
        self.events.push(last + 1 + hole as i64 / 8);
    }

    fn next(&mut self) -> Option<i64> {
        let id = self.events.get(self.sent).copied()?;
        self.sent += 1;
        Some(id)
    }

    fn again(&self, which: usize) -> Option<i64> {
        let place = which.checked_rem(self.sent)?;
        Some(self.events[place])
    }
}

/// What the driver of a stream does with the machine's decisions.
struct Consumer {
    resume: Resume,
    got: Vec<i64>,
    delivered: HashSet<i64>,
    /// The server sent what is not in its session.
    wild: bool,
}

impl Consumer {
    fn new() -> Self {
        Self {
            resume: Resume::new(0),
            got: Vec::new(),
            delivered: HashSet::new(),
            wild: false,
        }
    }

    fn receive(&mut self, id: i64, session: &Session) {
        // A look-up answers for everything up to the event that asked.
        for looked_up in [false, true] {
            while let Some(found) = self.resume.next_found_before(id) {
                self.deliver(found.id().expect("what was looked up has an id"));
            }
            match self.resume.admit(&numbered(id)) {
                Step::Drop => {
                    assert!(id <= self.resume.high());
                    return;
                }
                Step::Deliver => return self.deliver(id),
                Step::LookUp { after } => {
                    assert!(!looked_up, "it asks again");
                    assert_eq!(after, self.resume.high());
                    self.look_up(after, id - 1, session);
                }
            }
        }
    }

    fn look_up(&mut self, after: i64, at_least: i64, session: &Session) {
        let newest = session.events.last().copied().unwrap_or(0);
        let missing = session.events.iter().filter(|id| **id > after);
        let events = missing.map(|id| numbered(*id)).collect::<Vec<_>>();
        self.resume.looked_up(events, newest.max(at_least));
    }

    fn read_messages(&mut self, session: &Session) {
        self.look_up(self.resume.high(), 0, session);
        while let Some(found) = self.resume.next_found_before(i64::MAX) {
            self.deliver(found.id().expect("what was looked up has an id"));
        }
    }

    fn deliver(&mut self, id: i64) {
        assert!(self.delivered.insert(id), "{id} came twice");
        assert!(id > 0, "{id} is older than the stream");
        self.got.push(id);
    }
}

fn numbered(id: i64) -> Event {
    Event::new(EventType::Thought, Some(id), "{}")
}

//! The places of a pool of sessions: who waits, what rests, what is being made. Pure: the
//! time goes in.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// The state of a pool: of sessions of type `S`, for which waiters of type `W` wait.
#[derive(Debug)]
pub(super) struct Places<S, W> {
    most: usize,
    last_number: u64,
    /// Who waits, in the order in which they came.
    waiting: BTreeMap<u64, Waiting<W>>,
    /// Sessions that can be used at once, the latest last.
    resting: Vec<S>,
    /// Sessions that somebody has.
    used: HashMap<u64, S>,
    /// How many sessions are being created, those included that a limit holds up.
    creating: usize,
    /// How many sessions are being deleted: the service may still count them.
    leaving: usize,
    /// The service refused one more session, and one create waits to try again.
    limited: bool,
    closed: bool,
}

#[derive(Debug)]
struct Waiting<W> {
    waiter: W,
    /// From then on a limit is an error where no session will come back; `None`: never.
    gives_up_at: Option<Instant>,
}

/// What is to be done now.
#[derive(Debug)]
pub(super) enum Step<S, W> {
    /// Give this waiter the session, which is its own from here on.
    Give { number: u64, waiter: W, session: S },
    /// Create one more session.
    Create,
}

/// What a create does that met a limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterLimit {
    /// Try again after the pause.
    Pause,
    /// Leave it: another one tries, or nobody waits.
    End,
}

impl<S: Clone, W> Places<S, W> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            last_number: 0,
            waiting: BTreeMap::new(),
            resting: Vec::new(),
            used: HashMap::new(),
            creating: 0,
            leaving: 0,
            limited: false,
            closed: false,
        }
    }

    /// A number that orders waiters, and later names what they got.
    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Queues a waiter, by its number: one that comes back is as early as it was. Gives it back
    /// where it is too late: nobody would tell it of the end.
    pub(super) fn wait(
        &mut self,
        number: u64,
        waiter: W,
        gives_up_at: Option<Instant>,
    ) -> Result<(), W> {
        if self.closed {
            return Err(waiter);
        }
        let waiting = Waiting {
            waiter,
            gives_up_at,
        };
        self.waiting.insert(number, waiting);
        Ok(())
    }

    /// Takes a waiter out that left.
    pub(super) fn leave(&mut self, number: u64) {
        self.waiting.remove(&number);
    }

    /// The next thing to do; `None` where nothing can be done.
    pub(super) fn step(&mut self) -> Option<Step<S, W>> {
        if self.closed || self.waiting.is_empty() {
            return None;
        }
        if let Some(session) = self.resting.pop() {
            let (number, Waiting { waiter, .. }) = self.waiting.pop_first()?;
            self.used.insert(number, session.clone());
            return Some(Step::Give {
                number,
                waiter,
                session,
            });
        }
        let is_wanted = self.creating < self.waiting.len();
        let is_allowed = !self.limited && self.taken() < self.most;
        (is_wanted && is_allowed).then(|| {
            self.creating += 1;
            Step::Create
        })
    }

    /// A session was created. Whether the pool still wants it.
    pub(super) fn created(&mut self, session: S) -> Result<(), S> {
        self.creating -= 1;
        self.limited = false;
        if self.closed {
            self.leaving += 1;
            return Err(session);
        }
        self.resting.push(session);
        Ok(())
    }

    /// A create failed for good: who is to hear of it.
    pub(super) fn not_created(&mut self, was_limited: bool) -> Option<W> {
        self.creating -= 1;
        self.limited &= !was_limited;
        let (_, waiting) = self.waiting.pop_first()?;
        Some(waiting.waiter)
    }

    /// A create ended because nobody wants it any more.
    pub(super) fn gave_up(&mut self, was_limited: bool) {
        self.creating -= 1;
        self.limited &= !was_limited;
    }

    /// A create met a limit, and the next try is after `pause`: what it does, and who hears
    /// of the limit because nothing else will come.
    pub(super) fn met_limit(
        &mut self,
        was_limited: bool,
        now: Instant,
        pause: Duration,
    ) -> (AfterLimit, Vec<W>) {
        let mut told = Vec::new();
        let another_tries = self.limited && !was_limited;
        // A create whose answer is still to come may bring one.
        let under_way = self.creating - 1 - usize::from(another_tries);
        if under_way == 0 && !self.will_come_back() {
            let has_patience = |waiting: &Waiting<W>| {
                waiting
                    .gives_up_at
                    .is_none_or(|until| now.checked_add(pause).is_some_and(|next| next <= until))
            };
            let given_up: Vec<u64> = self
                .waiting
                .iter()
                .filter(|(_, waiting)| !has_patience(waiting))
                .map(|(number, _)| *number)
                .collect();
            let waiters = given_up.iter().filter_map(|it| self.waiting.remove(it));
            told.extend(waiters.map(|waiting| waiting.waiter));
        }
        if another_tries || self.waiting.is_empty() || self.closed {
            self.gave_up(was_limited);
            return (AfterLimit::End, told);
        }
        self.limited = true;
        (AfterLimit::Pause, told)
    }

    /// Whether somebody waits for what a paused create would make.
    pub(super) fn is_wanted(&self) -> bool {
        !self.closed && self.creating <= self.waiting.len()
    }

    /// The session that somebody has by this number.
    pub(super) fn used(&self, number: u64) -> Option<S> {
        self.used.get(&number).cloned()
    }

    /// Takes a session back; `None` where it is not the pool's any more. It counts as
    /// leaving until it rests or is gone.
    pub(super) fn take_back(&mut self, number: u64) -> Option<S> {
        let session = self.used.remove(&number)?;
        self.leaving += 1;
        Some(session)
    }

    /// A session that was taken back can be used again. Whether the pool wants it.
    pub(super) fn rest(&mut self, session: S) -> Result<(), S> {
        if self.closed {
            return Err(session);
        }
        self.leaving -= 1;
        self.resting.push(session);
        Ok(())
    }

    /// A session that was leaving is gone.
    pub(super) fn gone(&mut self) {
        self.leaving -= 1;
    }

    /// Ends it: who waits, and which sessions are to be deleted, those in use included
    /// where `all`.
    pub(super) fn close(&mut self, all: bool) -> (Vec<W>, Vec<S>) {
        self.closed = true;
        let waiting = std::mem::take(&mut self.waiting);
        let mut sessions = std::mem::take(&mut self.resting);
        if all {
            sessions.extend(self.used.drain().map(|(_, session)| session));
        }
        self.leaving += sessions.len();
        let waiters = waiting.into_values().map(|waiting| waiting.waiter);
        (waiters.collect(), sessions)
    }

    /// How many sessions are in use.
    pub(super) fn in_use(&self) -> usize {
        self.used.len()
    }

    /// Whether a session of this pool will be free some time, without a create.
    pub(super) fn will_come_back(&self) -> bool {
        self.used.len() + self.leaving + self.resting.len() > 0
    }

    /// Whether nothing is under way.
    pub(super) fn is_settled(&self) -> bool {
        self.creating + self.leaving == 0
    }

    /// How many sessions there are, may be, or will be.
    fn taken(&self) -> usize {
        self.used.len() + self.resting.len() + self.creating + self.leaving
    }
}

#[cfg(test)]
mod tests;

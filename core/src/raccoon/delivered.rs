//! What a turn's stream delivered, by what it says: for events whose ids do not tell
//! them apart (docs/spec/raccoon.md, section 5.7). Pure.

use std::collections::{HashMap, VecDeque};

/// How many deliveries are remembered.
const REMEMBERED: usize = 65_536;

/// How often something was said.
type Counts = HashMap<u64, usize>;

/// The events that were delivered, oldest first.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    order: VecDeque<(Option<i64>, u64)>,
    /// How many were forgotten.
    forgotten: u64,
    /// What those with an id say.
    by_id: HashMap<i64, u64>,
    /// Those without one that did not come with one since.
    unnumbered: Counts,
    /// How many were delivered before this connection.
    before: u64,
    /// Whether this connection tells all of it again: its first event says so.
    is_open: bool,
    /// What came again on this connection, while nobody asked for `expected`.
    again: Vec<u64>,
    /// What may still come again on this connection.
    expected: Option<Counts>,
}

impl Delivered {
    /// Another connection was opened: it may tell all of it again, where it was asked to,
    /// or begins with the first of all.
    pub(super) fn connected(&mut self, asked_for_all: bool) {
        self.before = self.forgotten + self.order.len() as u64;
        self.again.clear();
        self.expected = None;
        self.is_open = !asked_for_all;
    }

    /// An event came, whatever becomes of it.
    pub(super) fn came(&mut self, words: u64) {
        if std::mem::take(&mut self.is_open) {
            let first = self.order.front().filter(|_| self.forgotten == 0);
            if first.is_none_or(|(_, first)| *first != words) {
                self.expected = Some(Counts::new());
            }
        }
    }

    /// Notes a delivery. `id`: what tells it apart.
    pub(super) fn push(&mut self, id: Option<i64>, words: u64) {
        match id {
            Some(id) => drop(self.by_id.insert(id, words)),
            None => *self.unnumbered.entry(words).or_default() += 1,
        }
        self.order.push_back((id, words));
        if self.order.len() > REMEMBERED
            && let Some((id, words)) = self.order.pop_front()
        {
            self.forgotten += 1;
            match id {
                Some(id) => drop(self.by_id.remove(&id)),
                None => drop(take_one(&mut self.unnumbered, words)),
            }
        }
    }

    /// What the event with this id said.
    pub(super) fn words_of(&self, id: i64) -> Option<u64> {
        self.by_id.get(&id).copied()
    }

    /// Notes that an event came again.
    pub(super) fn came_again(&mut self, words: u64) {
        match &mut self.expected {
            Some(expected) => drop(take_one(expected, words)),
            None if self.before > 0 => self.again.push(words),
            None => {}
        }
    }

    /// Whether an event is one that came on an earlier connection: as many equal ones
    /// are as were delivered there.
    pub(super) fn repeats(&mut self, words: u64) -> bool {
        let Self {
            order,
            forgotten,
            before,
            again,
            expected,
            ..
        } = self;
        let expected = expected.get_or_insert_with(|| {
            let earlier = usize::try_from(before.saturating_sub(*forgotten)).unwrap_or(usize::MAX);
            let mut counts = counts(order.iter().take(earlier).map(|(_, words)| *words));
            for words in again.drain(..) {
                take_one(&mut counts, words);
            }
            counts
        });
        take_one(expected, words)
    }

    /// Whether an event that has an id is one that was delivered without.
    pub(super) fn is_known_without_id(&mut self, words: u64) -> bool {
        take_one(&mut self.unnumbered, words)
    }

    /// Which of these are new, where they tell the whole turn again: none where they
    /// lack some of what was delivered.
    pub(super) fn new_among(&self, told: &[u64]) -> Vec<usize> {
        if self.forgotten > 0 {
            return Vec::new();
        }
        let mut old = counts(self.order.iter().map(|(_, words)| *words));
        let new = (0..told.len()).filter(|at| !take_one(&mut old, told[*at]));
        let new = new.collect();
        if old.is_empty() { new } else { Vec::new() }
    }
}

fn counts(all: impl Iterator<Item = u64>) -> Counts {
    let mut counts = Counts::new();
    for words in all {
        *counts.entry(words).or_default() += 1;
    }
    counts
}

/// Takes one of a kind, where there is one.
fn take_one(counts: &mut Counts, of: u64) -> bool {
    let Some(count) = counts.get_mut(&of) else {
        return false;
    };
    *count -= 1;
    if *count == 0 {
        counts.remove(&of);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(events: &[(Option<i64>, u64)]) -> Delivered {
        let mut delivered = Delivered::default();
        for (id, words) in events {
            delivered.push(*id, *words);
        }
        delivered
    }

    #[test]
    fn as_many_are_repeats_as_came_before() {
        let mut delivered = of(&[(Some(1), 10), (None, 20), (Some(2), 20)]);
        assert!(!delivered.repeats(20), "nothing was told before");
        delivered.connected(true);
        delivered.came_again(10);
        let repeats = [20, 20, 20, 10].map(|words| delivered.repeats(words));
        assert_eq!(repeats, [true, true, false, false]);
        delivered.push(None, 30);
        assert!(!delivered.repeats(30), "it came on this connection");
        delivered.connected(true);
        assert!(delivered.repeats(30));
        delivered.came_again(10);
        assert!(!delivered.repeats(10));
    }

    #[test]
    fn a_connection_that_goes_on_repeats_nothing_unless_it_begins_anew() {
        for (asked_for_all, first, repeats) in
            [(false, 20, false), (false, 10, true), (true, 20, true)]
        {
            let mut delivered = of(&[(None, 10), (None, 20)]);
            delivered.connected(asked_for_all);
            delivered.came(first);
            delivered.came(30);
            assert_eq!(delivered.repeats(20), repeats, "{asked_for_all} {first}");
        }
    }

    #[test]
    fn an_event_gets_its_id_once() {
        let mut delivered = of(&[(None, 10), (Some(2), 20)]);
        assert_eq!(delivered.words_of(2), Some(20));
        assert_eq!(delivered.words_of(1), None);
        assert!(!delivered.is_known_without_id(20));
        assert!(delivered.is_known_without_id(10));
        assert!(!delivered.is_known_without_id(10));
    }

    #[test]
    fn a_history_adds_what_follows_all_that_was_delivered() {
        let delivered = of(&[(None, 10), (None, 20), (None, 20)]);
        assert_eq!(delivered.new_among(&[10, 20, 20, 30, 20]), [3, 4]);
        assert!(
            delivered.new_among(&[10, 40, 50]).is_empty(),
            "it tells in other words"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut delivered = Delivered::default();
        for at in 0..REMEMBERED as u64 + 10 {
            let id = (at % 2 == 0).then_some(at.cast_signed());
            delivered.push(id, at);
        }
        assert_eq!(delivered.order.len(), REMEMBERED);
        assert_eq!(
            delivered.by_id.len() + delivered.unnumbered.len(),
            REMEMBERED
        );
        assert_eq!(delivered.words_of(0), None);
        delivered.connected(true);
        assert!(!delivered.repeats(9));
        assert!(delivered.repeats(10));
        assert!(delivered.new_among(&[]).is_empty());
    }
}

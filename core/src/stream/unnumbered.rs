//! Events without an id: after a reconnect with history as many equal ones are
//! dropped as were delivered before. Pure.

use std::collections::{HashMap, VecDeque};

/// How many deliveries are remembered.
const REMEMBERED: usize = 65_536;

/// What was delivered without an id, by what it says.
#[derive(Debug, Default)]
pub(super) struct Unnumbered {
    /// Oldest first.
    order: VecDeque<u64>,
    /// How often each was delivered.
    delivered: HashMap<u64, usize>,
    /// How often each is still expected again on this connection.
    expected: HashMap<u64, usize>,
}

impl Unnumbered {
    /// Another connection replays the history.
    pub(super) fn connected(&mut self) {
        self.expected.clone_from(&self.delivered);
    }

    /// Whether an event is new. It counts as delivered from now on.
    pub(super) fn is_new(&mut self, fingerprint: u64) -> bool {
        if take_one(&mut self.expected, fingerprint) {
            return false;
        }
        *self.delivered.entry(fingerprint).or_default() += 1;
        self.order.push_back(fingerprint);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            take_one(&mut self.delivered, oldest);
        }
        true
    }
}

/// Takes one of a kind, where there is one.
fn take_one(counts: &mut HashMap<u64, usize>, of: u64) -> bool {
    let Some(count) = counts.get_mut(&of) else {
        return false;
    };
    *count -= 1;
    if *count == 0 {
        counts.remove(&of);
    }
    true
}

//! Where a consumer is: the places of the latest events by how many were handed over. Pure.
//!
//! A queue hands events over in batches, and a reader that holds a part of one has not given
//! it to anybody yet. How many it holds it can say at any time; what they are it need not know.

use std::collections::VecDeque;

/// The places of a stream's latest events, in the order in which they went into its queue.
#[derive(Debug)]
pub(crate) struct Places<P> {
    /// The place before the first one that is kept.
    before: P,
    /// How many came before the first one that is kept.
    forgotten: u64,
    kept: VecDeque<P>,
}

impl<P: Clone> Places<P> {
    /// Nothing was handed over: the consumer is at `start`.
    pub(crate) fn new(start: P) -> Self {
        Self {
            before: start,
            forgotten: 0,
            kept: VecDeque::new(),
        }
    }

    /// The place after the next event.
    pub(crate) fn push(&mut self, place: P) {
        self.kept.push_back(place);
    }

    /// The place after the event that was pushed last.
    pub(crate) fn latest(&self) -> &P {
        self.kept.back().unwrap_or(&self.before)
    }

    /// Nobody will ask for less than so many events.
    pub(crate) fn forget_before(&mut self, count: u64) {
        while self.forgotten < count
            && let Some(oldest) = self.kept.pop_front()
        {
            self.before = oldest;
            self.forgotten += 1;
        }
    }

    /// The place of a consumer that was given so many events. Where that is not known any more
    /// it is a later one, so it is asked for no less than [`forget_before`](Self::forget_before)
    /// said.
    pub(crate) fn after(&self, count: u64) -> &P {
        let kept = usize::try_from(count.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        match kept.checked_sub(1) {
            None => &self.before,
            Some(at) => self.kept.get(at).unwrap_or_else(|| self.latest()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_that_of_the_last_event_handed_over() {
        let mut places = Places::new(3);
        assert_eq!(*places.after(0), 3);
        for place in [5, 6, 9] {
            places.push(place);
        }
        assert_eq!([0, 1, 2, 3].map(|count| *places.after(count)), [3, 5, 6, 9]);
        places.forget_before(2);
        assert_eq!([2, 3].map(|count| *places.after(count)), [6, 9]);
        assert_eq!(*places.latest(), 9);
        places.forget_before(9);
        assert_eq!((*places.after(3), *places.latest()), (9, 9));
        places.push(12);
        assert_eq!([3, 4].map(|count| *places.after(count)), [9, 12]);
    }
}

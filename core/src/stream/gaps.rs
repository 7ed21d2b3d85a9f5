//! Ids that never came, as ranges; pure. Each look-up takes logarithmic time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Ranges of ids, a bounded number of them.
#[derive(Debug)]
pub(super) struct Gaps {
    most: usize,
    /// The last id of each range by its first.
    ranges: BTreeMap<i64, i64>,
    /// How far each range reaches beyond its first id, with that id: the
    /// shortest and oldest range comes first.
    by_length: BTreeSet<(u64, i64)>,
}

impl Gaps {
    /// At most so many ranges.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            ranges: BTreeMap::new(),
            by_length: BTreeSet::new(),
        }
    }

    /// Adds a range that touches no other. Where there are too many, the
    /// shortest is forgotten: that loses the fewest ids.
    pub(super) fn add(&mut self, range: RangeInclusive<i64>) {
        let (first, last) = range.into_inner();
        if first > last {
            return;
        }
        self.ranges.insert(first, last);
        self.by_length.insert((first.abs_diff(last), first));
        if self.ranges.len() > self.most
            && let Some((_, shortest)) = self.by_length.pop_first()
        {
            self.ranges.remove(&shortest);
        }
    }

    pub(super) fn contains(&self, id: i64) -> bool {
        self.range_of(id).is_some()
    }

    /// Takes an id out; says whether it was there.
    pub(super) fn take(&mut self, id: i64) -> bool {
        let Some((first, last)) = self.range_of(id) else {
            return false;
        };
        self.ranges.remove(&first);
        self.by_length.remove(&(first.abs_diff(last), first));
        if id > first {
            self.add(first..=id - 1);
        }
        if id < last {
            self.add(id + 1..=last);
        }
        true
    }

    fn range_of(&self, id: i64) -> Option<(i64, i64)> {
        let (&first, &last) = self.ranges.range(..=id).next_back()?;
        (id <= last).then_some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_hold_what_a_set_holds(
            added in prop::collection::vec(1..6_i64, 0..20),
            taken in prop::collection::vec(0..120_i64, 0..60),
        ) {
            let mut gaps = Gaps::new(1000);
            let mut ids = BTreeSet::new();
            let mut next = 1;
            for length in added {
                gaps.add(next..=next + length - 1);
                ids.extend(next..next + length);
                next += length + 1;
            }
            for id in taken {
                prop_assert_eq!(gaps.contains(id), ids.contains(&id));
                prop_assert_eq!(gaps.take(id), ids.remove(&id));
                prop_assert_eq!(gaps.ranges.len(), gaps.by_length.len());
            }
        }
    }

    #[test]
    fn too_many_lose_the_shortest_first() {
        for ids in [
            (1..1000).map(|id| id * 2).collect::<Vec<i64>>(),
            (1..1000).rev().map(|id| id * 2).collect(),
        ] {
            let mut gaps = Gaps::new(10);
            gaps.add(1..=i64::MAX - 1);
            for id in ids {
                assert!(gaps.take(id), "{id}");
                assert!(gaps.ranges.len() <= 10);
            }
        }
    }

    #[test]
    fn the_ends_of_the_numbers_are_ids_too() {
        let mut gaps = Gaps::new(10);
        gaps.add(i64::MIN..=i64::MAX);
        assert!(gaps.take(i64::MIN) && gaps.take(i64::MAX) && gaps.take(0));
        assert!(!gaps.take(i64::MIN) && !gaps.contains(0) && gaps.contains(1));
    }
}

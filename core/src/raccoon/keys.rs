//! The places that a client's uploads took, so that none overwrites another
//! (docs/spec/raccoon.md, section 4.6).

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many places are remembered. Beyond that each file gets a place of its own.
const REMEMBERED: usize = 65_536;
/// How many files of one name and session are numbered; the same.
const NUMBERED: usize = 1000;

/// The keys that are taken, by their hashes: a few bytes each. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Keys {
    taken: Arc<Mutex<HashSet<u64>>>,
    hasher: RandomState,
}

impl Keys {
    /// A key for a file of this name that no other file has, and takes it:
    /// `{session_id}/{name}`, else `{session_id}/2/{name}` and so on. `own` is
    /// for where nobody can tell any more which are free.
    pub(super) fn take_free(&self, session_id: &str, name: &str, own: &str) -> String {
        let mut taken = self.lock();
        if taken.len() < REMEMBERED {
            let plain = format!("{session_id}/{name}");
            let numbered = (2..=NUMBERED).map(|at| format!("{session_id}/{at}/{name}"));
            for key in std::iter::once(plain).chain(numbered) {
                if taken.insert(self.hasher.hash_one(&key)) {
                    return key;
                }
            }
        }
        format!("{session_id}/{own}/{name}")
    }

    /// Notes that a file has this key.
    pub(super) fn take(&self, key: &str) {
        let mut taken = self.lock();
        if taken.len() < REMEMBERED {
            taken.insert(self.hasher.hash_one(key));
        }
    }

    /// Gives a key back: nothing was sent there.
    pub(super) fn give_back(&self, key: &str) {
        self.lock().remove(&self.hasher.hash_one(key));
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_get_keys_of_their_own() {
        let keys = Keys::default();
        keys.take("s/2/a.txt");
        let names = [(); 3].map(|()| keys.take_free("s", "a.txt", "x"));
        assert_eq!(names, ["s/a.txt", "s/3/a.txt", "s/4/a.txt"]);
        assert_eq!(keys.take_free("t", "a.txt", "x"), "t/a.txt");
        keys.give_back("s/a.txt");
        assert_eq!(keys.clone().take_free("s", "a.txt", "x"), "s/a.txt");
    }

    #[test]
    fn a_client_of_many_uploads_forgets_none_and_keeps_little() {
        let keys = Keys::default();
        for session in 0..REMEMBERED {
            keys.take_free(&session.to_string(), "a.txt", "x");
        }
        assert_eq!(keys.take_free("s", "a.txt", "1f"), "s/1f/a.txt");
        assert_eq!(keys.lock().len(), REMEMBERED);
    }
}

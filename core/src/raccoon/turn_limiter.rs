//! Permits for a client's turns: as many as the service allows at once (docs/spec/raccoon.md, section 6).
//!
//! A turn that nobody follows any more still runs. Its place stays taken until
//! the history says that it is over; the history is asked while somebody waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::stream::{Watched, WeakQueue};

/// How long a service may not yet know of a turn that it was asked to start.
const LATE: Duration = Duration::from_secs(5);
/// After so long a place is free, whatever the history says: a refusal by the
/// service is better than a wait for ever.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// The waits between two looks at the turns that were left.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LONGEST_LOOK: Duration = Duration::from_secs(4);

/// The permits of one client and its copies.
#[derive(Debug, Default)]
pub(super) struct TurnLimiter {
    state: Watched<State>,
    /// Held by the one who looks at the turns that were left.
    looking: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    places: BTreeMap<u64, Place>,
    /// The service answered: if it named no limit, it has none to tell.
    answered: bool,
}

/// One that is taken.
#[derive(Debug, Default)]
struct Place {
    /// The turn that runs there, or may.
    turn: Option<TurnName>,
    /// Where its events wait.
    queue: Option<WeakQueue>,
    /// Since when nobody follows it.
    left: Option<Instant>,
}

impl Place {
    /// Whether its end may come unseen: nobody follows it, or nobody reads on.
    fn is_unseen(&self) -> bool {
        let queue = self.queue.as_ref().and_then(WeakQueue::upgrade);
        self.left.is_some() || queue.is_some_and(|queue| queue.is_full())
    }
}

/// What the history knows a turn by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TurnName {
    pub(super) session_id: String,
    /// Unknown where nobody heard the answer to its start.
    pub(super) message_id: Option<String>,
}

/// What the history says of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Over,
    Running,
    /// Nothing: there is no such turn, or none yet.
    Nothing,
    /// It could not be read.
    Unknown,
}

impl TurnLimiter {
    /// Waits for a permit, by the limit that the service named last. While
    /// it has answered nothing, one turn goes first. `see` asks the history.
    pub(super) async fn acquire<S: Future<Output = Seen>>(
        self: &Arc<Self>,
        limit: impl Fn() -> Option<u32>,
        see: impl Fn(TurnName) -> S,
    ) -> Permit {
        loop {
            let change = self.state.change();
            if let Some(permit) = self.try_acquire(limit()) {
                return permit;
            }
            tokio::select! {
                () = change.wait() => {}
                () = self.look_after(&see) => {}
            }
        }
    }

    /// A permit, if one is free.
    pub(super) fn try_acquire(self: &Arc<Self>, limit: Option<u32>) -> Option<Permit> {
        let mut state = self.state.lock();
        let most = match limit {
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX).max(1),
            None if state.answered => usize::MAX,
            None => 1,
        };
        if state.places.len() >= most {
            return None;
        }
        state.last += 1;
        let number = state.last;
        state.places.insert(number, Place::default());
        Some(Permit {
            limiter: self.clone(),
            number,
            is_over: true,
        })
    }

    /// Looks again and again, until a place is free.
    async fn look_after<S: Future<Output = Seen>>(&self, see: &impl Fn(TurnName) -> S) {
        let _looking = self.looking.lock().await;
        let mut wait = FIRST_LOOK;
        while !self.look(see).await {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_LOOK);
        }
    }

    /// Asks the history of the turns whose end may have come unseen. Says
    /// whether a place is free now.
    pub(super) async fn look<S: Future<Output = Seen>>(
        &self,
        see: &impl Fn(TurnName) -> S,
    ) -> bool {
        self.look_at(Instant::now(), see).await
    }

    async fn look_at<S: Future<Output = Seen>>(
        &self,
        now: Instant,
        see: &impl Fn(TurnName) -> S,
    ) -> bool {
        let unseen: Vec<(u64, Option<TurnName>, Instant)> = {
            let state = self.state.lock();
            let places = state.places.iter();
            places
                .filter(|(_, place)| place.is_unseen())
                .map(|(&number, place)| {
                    let since = place.left.unwrap_or(now);
                    (number, place.turn.clone(), since)
                })
                .collect()
        };
        let mut freed = false;
        for (number, turn, since) in unseen {
            let seen = match turn {
                Some(turn) => see(turn).await,
                None => Seen::Nothing,
            };
            let is_free = match seen {
                Seen::Over => true,
                Seen::Nothing => now.duration_since(since) >= LATE,
                Seen::Running | Seen::Unknown => now.duration_since(since) >= FORGOTTEN,
            };
            if is_free {
                self.release(number);
                freed = true;
            }
        }
        freed
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.state.lock().places.len()
    }

    /// How many of them by turns that nobody follows any more.
    pub(super) fn left(&self) -> usize {
        let state = self.state.lock();
        let places = state.places.values();
        places.filter(|place| place.left.is_some()).count()
    }

    /// The service answered: its limit is known now, or another one.
    pub(super) fn answered(&self) {
        self.state.lock().answered = true;
        self.state.publish();
    }

    fn release(&self, number: u64) {
        self.state.lock().places.remove(&number);
        self.state.publish();
    }
}

/// A place among the turns that run at once. Dropping it gives the place back,
/// unless a turn [`begins`](Self::begins) there and is not over.
#[derive(Debug)]
pub(super) struct Permit {
    limiter: Arc<TurnLimiter>,
    number: u64,
    is_over: bool,
}

impl Permit {
    /// A turn may run here from now on.
    pub(super) fn begins(&mut self, session_id: &str) {
        self.is_over = false;
        self.of_place(|place| {
            place.turn = Some(TurnName {
                session_id: session_id.to_owned(),
                message_id: None,
            });
        });
    }

    /// The turn is this one.
    pub(super) fn runs(&self, message_id: &str, queue: WeakQueue) {
        self.of_place(|place| {
            if let Some(turn) = &mut place.turn {
                turn.message_id = Some(message_id.to_owned());
            }
            place.queue = Some(queue);
        });
    }

    /// The turn was not started, or came to its end.
    pub(super) fn over(&mut self) {
        self.is_over = true;
    }

    fn of_place(&self, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.limiter.state.lock().places.get_mut(&self.number) {
            change(place);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_over {
            self.limiter.release(self.number);
        } else {
            self.of_place(|place| place.left = Some(Instant::now()));
            self.limiter.state.publish();
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    async fn nothing(_: TurnName) -> Seen {
        Seen::Nothing
    }

    #[test]
    fn one_goes_first_until_the_limit_is_known() {
        let limiter = Arc::new(TurnLimiter::default());
        let first = limiter.try_acquire(None).expect("the first");
        assert!(
            limiter.try_acquire(None).is_none(),
            "nobody knows the limit"
        );
        limiter.answered();
        let second = limiter.try_acquire(None).expect("there is no limit");
        assert!(limiter.try_acquire(Some(2)).is_none());
        assert_eq!(limiter.taken(), 2);
        drop(first);
        let third = limiter
            .try_acquire(Some(2))
            .expect("a permit was given back");
        assert!(
            limiter.try_acquire(Some(1)).is_none(),
            "the limit went down"
        );
        drop((second, third));
        let alone = limiter.try_acquire(Some(0));
        assert!(
            alone.is_some(),
            "a limit of 0 would stop everything for ever"
        );
    }

    #[tokio::test]
    async fn who_waits_hears_of_a_place_and_of_a_limit() {
        let limiter = Arc::new(TurnLimiter::default());
        let first = limiter.acquire(|| None, nothing).await;
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.acquire(|| Some(1), nothing).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        let second = waiting.await.expect("a permit");
        let limit = Arc::new(Mutex::new(Some(1)));
        let waiting = tokio::spawn({
            let (limiter, limit) = (limiter.clone(), limit.clone());
            async move {
                limiter
                    .acquire(|| *limit.lock().expect("a lock"), nothing)
                    .await
            }
        });
        tokio::task::yield_now().await;
        *limit.lock().expect("a lock") = Some(2);
        limiter.answered();
        drop((second, waiting.await.expect("a permit")));
        assert_eq!(limiter.taken(), 0);
    }

    #[tokio::test]
    async fn a_turn_that_was_left_keeps_its_place_until_it_is_over() {
        let moment = Duration::from_millis(1);
        for (seen, keeps) in [
            (Seen::Over, Duration::ZERO),
            (Seen::Nothing, LATE),
            (Seen::Running, FORGOTTEN),
            (Seen::Unknown, FORGOTTEN),
        ] {
            let limiter = Arc::new(TurnLimiter::default());
            let mut permit = limiter.try_acquire(Some(1)).expect("the first");
            permit.begins("s");
            let before = Instant::now();
            drop(permit);
            let after = Instant::now();
            assert_eq!((limiter.taken(), limiter.left()), (1, 1));
            assert!(limiter.try_acquire(Some(1)).is_none());
            if !keeps.is_zero() {
                let see = |_| async move { seen };
                assert!(!limiter.look_at(before + keeps - moment, &see).await);
            }
            assert!(
                limiter
                    .look_at(after + keeps, &|_| async move { seen })
                    .await
            );
            assert_eq!((limiter.taken(), limiter.left()), (0, 0), "{seen:?}");
        }
    }

    #[tokio::test]
    async fn one_looks_for_all_who_wait() {
        let limiter = Arc::new(TurnLimiter::default());
        for n in 0..3 {
            let mut permit = limiter.try_acquire(Some(3)).expect("a place");
            permit.begins(&format!("s{n}"));
        }
        assert_eq!(limiter.left(), 3);
        let looks = Arc::new(Mutex::new(0));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (limiter, looks) = (limiter.clone(), looks.clone());
            waiting.spawn(async move {
                let see = |turn: TurnName| {
                    *looks.lock().expect("a lock") += 1;
                    let over = turn.session_id == "s1";
                    async move { if over { Seen::Over } else { Seen::Running } }
                };
                drop(limiter.acquire(|| Some(3), see).await);
            });
        }
        while waiting.join_next().await.is_some() {}
        assert_eq!(*looks.lock().expect("a lock"), 3);
        assert_eq!((limiter.taken(), limiter.left()), (2, 2));
    }
}

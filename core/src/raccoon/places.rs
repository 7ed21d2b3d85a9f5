//! The places that a client's turns run in: as many as the service allows at
//! once (docs/spec/raccoon.md, section 6).

use std::sync::Arc;

use crate::stream::Watched;

/// The places of one client and its copies.
#[derive(Debug, Default)]
pub(super) struct Places(Watched<State>);

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// The service answered: if it named no limit, it has none to tell.
    answered: bool,
}

impl Places {
    /// Waits for a free place, by the limit that the service named last. While
    /// it has answered nothing, one turn goes first.
    pub(super) async fn take(self: &Arc<Self>, limit: impl Fn() -> Option<u32>) -> Place {
        loop {
            let change = self.0.change();
            {
                let mut state = self.0.lock();
                let most = match limit() {
                    Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX).max(1),
                    None if state.answered => usize::MAX,
                    None => 1,
                };
                if state.taken < most {
                    state.taken += 1;
                    return Place(self.clone());
                }
            }
            change.wait().await;
        }
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.0.lock().taken
    }

    /// The service answered: its limit is known now, or another one.
    pub(super) fn answered(&self) {
        self.0.lock().answered = true;
        self.0.publish();
    }
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        let places = &self.0.0;
        places.lock().taken -= 1;
        places.publish();
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    /// Whether a place is to be had now.
    fn free(places: &Arc<Places>, limit: Option<u32>) -> Option<Place> {
        let mut taking = pin!(places.take(|| limit));
        match taking
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_goes_first_until_the_limit_is_known() {
        let places = Arc::new(Places::default());
        let first = free(&places, None).expect("the first");
        assert!(free(&places, None).is_none(), "nobody knows the limit");
        places.answered();
        let second = free(&places, None).expect("there is no limit");
        assert!(free(&places, Some(2)).is_none());
        assert_eq!(places.taken(), 2);
        drop(first);
        let third = free(&places, Some(2)).expect("a place was given back");
        assert!(free(&places, Some(1)).is_none(), "the limit went down");
        drop((second, third));
        let alone = free(&places, Some(0));
        assert!(
            alone.is_some(),
            "a limit of 0 would stop everything for ever"
        );
    }

    #[tokio::test]
    async fn who_waits_hears_of_a_place_and_of_a_limit() {
        let places = Arc::new(Places::default());
        let first = places.take(|| None).await;
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.take(|| Some(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        let second = waiting.await.expect("a place");
        let limit = Arc::new(Mutex::new(Some(1)));
        let waiting = tokio::spawn({
            let (places, limit) = (places.clone(), limit.clone());
            async move { places.take(|| *limit.lock().expect("a lock")).await }
        });
        tokio::task::yield_now().await;
        *limit.lock().expect("a lock") = Some(2);
        places.answered();
        drop((second, waiting.await.expect("a place")));
        assert_eq!(places.taken(), 0);
    }
}

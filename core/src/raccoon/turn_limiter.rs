//! Permits for a client's turns: as many as the service allows at once (docs/spec/raccoon.md, section 6).

use std::sync::Arc;

use crate::stream::Watched;

/// The permits of one client and its copies.
#[derive(Debug, Default)]
pub(super) struct TurnLimiter(Watched<State>);

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// The service answered: if it named no limit, it has none to tell.
    answered: bool,
}

impl TurnLimiter {
    /// Waits for a permit, by the limit that the service named last. While
    /// it has answered nothing, one turn goes first.
    pub(super) async fn acquire(self: &Arc<Self>, limit: impl Fn() -> Option<u32>) -> Permit {
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
                    return Permit(self.clone());
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

/// A permit, held until this is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<TurnLimiter>);

impl Drop for Permit {
    fn drop(&mut self) {
        let limiter = &self.0.0;
        limiter.lock().taken -= 1;
        limiter.publish();
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    /// Whether a permit is to be had now.
    fn free(limiter: &Arc<TurnLimiter>, limit: Option<u32>) -> Option<Permit> {
        let mut taking = pin!(limiter.acquire(|| limit));
        match taking
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_goes_first_until_the_limit_is_known() {
        let limiter = Arc::new(TurnLimiter::default());
        let first = free(&limiter, None).expect("the first");
        assert!(free(&limiter, None).is_none(), "nobody knows the limit");
        limiter.answered();
        let second = free(&limiter, None).expect("there is no limit");
        assert!(free(&limiter, Some(2)).is_none());
        assert_eq!(limiter.taken(), 2);
        drop(first);
        let third = free(&limiter, Some(2)).expect("a permit was given back");
        assert!(free(&limiter, Some(1)).is_none(), "the limit went down");
        drop((second, third));
        let alone = free(&limiter, Some(0));
        assert!(
            alone.is_some(),
            "a limit of 0 would stop everything for ever"
        );
    }

    #[tokio::test]
    async fn who_waits_hears_of_a_place_and_of_a_limit() {
        let limiter = Arc::new(TurnLimiter::default());
        let first = limiter.acquire(|| None).await;
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.acquire(|| Some(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        let second = waiting.await.expect("a permit");
        let limit = Arc::new(Mutex::new(Some(1)));
        let waiting = tokio::spawn({
            let (limiter, limit) = (limiter.clone(), limit.clone());
            async move { limiter.acquire(|| *limit.lock().expect("a lock")).await }
        });
        tokio::task::yield_now().await;
        *limit.lock().expect("a lock") = Some(2);
        limiter.answered();
        drop((second, waiting.await.expect("a permit")));
        assert_eq!(limiter.taken(), 0);
    }
}

//! How many turns of one key run at once.

use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::oneshot;

/// Gives permits to turns. Locked after a session, never before.
#[derive(Debug)]
pub(super) struct TurnLimiter {
    /// The number of permits.
    most: usize,
    queues: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    queue: VecDeque<oneshot::Sender<()>>,
}

/// What a new turn gets.
#[derive(Debug)]
pub(super) enum Permit {
    /// It may run.
    Granted,
    /// It has this place in the queue, from 1, and is told when it may run.
    Queued {
        position: usize,
        granted: oneshot::Receiver<()>,
    },
    /// It may not, now or later.
    Refused,
}

impl TurnLimiter {
    pub(super) fn new(most: usize, queues: bool) -> Self {
        Self {
            most,
            queues,
            state: Mutex::default(),
        }
    }

    pub(super) fn acquire(&self) -> Permit {
        let mut state = lock(&self.state);
        if state.running < self.most && state.queue.is_empty() {
            state.running += 1;
            return Permit::Granted;
        }
        if !self.queues {
            return Permit::Refused;
        }
        let (grant, granted) = oneshot::channel();
        state.queue.push_back(grant);
        Permit::Queued {
            position: state.queue.len(),
            granted,
        }
    }

    /// Gives a permit back; the first turn in the queue gets it.
    pub(super) fn release(&self) {
        let mut state = lock(&self.state);
        while let Some(next) = state.queue.pop_front() {
            if next.send(()).is_ok() {
                return;
            }
        }
        state.running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_goes_to_the_first_that_still_waits() {
        let limiter = TurnLimiter::new(1, true);
        assert!(matches!(limiter.acquire(), Permit::Granted));
        let queued = || match limiter.acquire() {
            Permit::Queued { position, granted } => (position, granted),
            other => panic!("{other:?}"),
        };
        let (one, gone) = queued();
        let (two, mut granted) = queued();
        assert_eq!([one, two], [1, 2]);
        drop(gone);
        limiter.release();
        assert_eq!(granted.try_recv(), Ok(()));
        limiter.release();
        assert!(matches!(limiter.acquire(), Permit::Granted));
    }

    #[test]
    fn without_a_queue_there_is_no_waiting() {
        let limiter = TurnLimiter::new(1, false);
        assert!(matches!(limiter.acquire(), Permit::Granted));
        assert!(matches!(limiter.acquire(), Permit::Refused));
        limiter.release();
        assert!(matches!(limiter.acquire(), Permit::Granted));
    }
}

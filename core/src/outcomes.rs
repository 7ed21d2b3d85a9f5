//! What many runs bring, each as it ends: filled by workers, taken by one caller.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::watch;

/// The items of one fan-out, its workers, and the word to stop.
pub(crate) struct Outcomes<T> {
    state: Mutex<State<T>>,
    stop: watch::Sender<bool>,
    workers: watch::Sender<usize>,
}

struct State<T> {
    items: VecDeque<T>,
    wakers: Vec<Waker>,
}

impl<T> Outcomes<T> {
    /// For this many workers.
    pub(crate) fn of_workers(count: usize) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                wakers: Vec::new(),
            }),
            stop: watch::Sender::new(false),
            workers: watch::Sender::new(count),
        }
    }

    /// Adds an item and wakes who waits for one.
    pub(crate) fn push(&self, item: T) {
        self.lock().items.push_back(item);
        self.wake();
    }

    /// What there is to take now.
    pub(crate) fn take(&self) -> Option<T> {
        self.lock().items.pop_front()
    }

    /// Whether everything was taken and nothing will follow.
    pub(crate) fn is_over(&self) -> bool {
        // In this order: an item comes before its worker ends.
        *self.workers.borrow() == 0 && self.lock().items.is_empty()
    }

    /// Ready once there is something to take, or nothing will follow.
    pub(crate) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if !state.items.is_empty() || *self.workers.borrow() == 0 {
            return Poll::Ready(());
        }
        if !state
            .wakers
            .iter()
            .any(|waker| waker.will_wake(context.waker()))
        {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// The next item; `None` where nothing will follow.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            if self.poll_ready(context).is_pending() {
                return Poll::Pending;
            }
            match self.take() {
                Some(item) => return Poll::Ready(Some(item)),
                None if self.is_over() => return Poll::Ready(None),
                // Another one took it.
                None => {}
            }
        }
    }

    /// Ready once there is something to take, or nothing will follow: to wait for.
    pub(crate) fn ready(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<T>
    where
        T: Send + 'static,
    {
        let outcomes = self.clone();
        poll_fn(move |context| outcomes.poll_ready(context))
    }

    /// Tells the workers to stop. Can be called twice.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether the workers were told to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Resolves when the workers are told to stop.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as this.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Tells the workers to stop; resolves once they have.
    pub(crate) fn close(&self) -> impl Future<Output = ()> + Send + use<T> {
        self.stop();
        let mut workers = self.workers.subscribe();
        async move {
            let _ = workers.wait_for(|count| *count == 0).await;
        }
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut self.lock().wakers);
        for waker in wakers {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a worker has ended, however it did.
pub(crate) struct Worker<T>(Arc<Outcomes<T>>);

impl<T> Worker<T> {
    pub(crate) fn of(outcomes: &Arc<Outcomes<T>>) -> Self {
        Self(outcomes.clone())
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.0.workers.send_modify(|count| *count -= 1);
        self.0.wake();
    }
}

//! The bounded queue between a stream and its consumer.
//!
//! The producer waits while the queue is full, so that a slow consumer stops
//! the socket from being read. The consumer takes whole batches.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::runtime;

/// Most events that wait in a queue.
const MAX_EVENTS: usize = 4096;
/// Most bytes that wait in a queue; one larger event still passes.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most events that a reader takes at once, in every language.
#[doc(hidden)]
pub const TAKEN_AT_ONCE: usize = 512;

/// The events of a stream that wait for their consumer. Clones share it; when
/// the last one is dropped the stream is closed.
#[derive(Clone)]
pub struct EventQueue(Arc<Consumer>);

/// An [`EventQueue`] that does not keep the stream open.
#[derive(Debug, Clone)]
pub(crate) struct WeakQueue(Weak<Consumer>);

impl WeakQueue {
    /// The queue, as long as somebody else has it.
    pub(crate) fn upgrade(&self) -> Option<EventQueue> {
        self.0.upgrade().map(EventQueue)
    }
}

/// The stream's side of an [`EventQueue`].
pub(crate) struct Producer(Arc<Shared>);

/// All handles of the consumer together.
struct Consumer(Arc<Shared>);

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Consumer")
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What [`EventQueue::try_take`] gives.
#[derive(Debug)]
pub enum Batch {
    /// At least one event, in order.
    Events(Vec<Event>),
    /// Nothing now; more may come.
    Empty,
    /// The stream ended well, or was closed by the consumer.
    Ended,
    /// The stream ended for good with an error. Reported once; then `Ended`.
    Failed(Error),
}

struct Shared {
    state: Mutex<State>,
    /// How many of the events taken an [`EventStream`] still holds.
    held: AtomicUsize,
    readable: Condvar,
    writable: Notify,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    bytes: usize,
    /// How many events were taken, ever.
    taken: u64,
    end: Option<Result<()>>,
    closed: bool,
    /// Whether a stream reads it.
    claimed: bool,
    /// How many loops over it have begun.
    loops: u64,
    /// Whether a reader was told that it ended.
    end_told: bool,
    /// Whether anybody looked for an event.
    wanted: bool,
    wakers: Vec<Waker>,
    callback: Option<Box<dyn FnOnce() + Send>>,
    on_close: Option<Box<dyn FnOnce() + Send>>,
}

impl State {
    fn readable(&self) -> bool {
        !self.events.is_empty() || self.end.is_some() || self.closed
    }

    fn full(&self) -> bool {
        self.events.len() >= MAX_EVENTS || self.bytes >= MAX_BYTES
    }
}

/// A queue: the stream's side and the consumer's.
pub(crate) fn queue() -> (Producer, EventQueue) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        held: AtomicUsize::new(0),
        readable: Condvar::new(),
        writable: Notify::new(),
        wanted: Notify::new(),
    });
    (
        Producer(shared.clone()),
        EventQueue(Arc::new(Consumer(shared))),
    )
}

impl EventQueue {
    /// Takes up to `max` events without waiting.
    pub fn try_take(&self, max: usize) -> Batch {
        let shared = self.shared();
        let mut state = shared.lock_to_read();
        if state.closed {
            return Batch::Ended;
        }
        if !state.events.is_empty() {
            let was_full = state.full();
            let count = state.events.len().min(max.max(1));
            let events: Vec<Event> = state.events.drain(..count).collect();
            state.bytes -= events.iter().map(Event::weight).sum::<usize>();
            state.taken += count as u64;
            drop(state);
            if was_full {
                shared.writable.notify_one();
            }
            return Batch::Events(events);
        }
        let Some(end) = &mut state.end else {
            return Batch::Empty;
        };
        let end = std::mem::replace(end, Ok(()));
        state.end_told = true;
        end.map_or_else(Batch::Failed, |()| Batch::Ended)
    }

    /// Begins a loop over the events of a handle, for bindings whose handles are iterated any
    /// number of times: it goes on where the loop before it stopped, and takes its place.
    /// Gives its number; whoever waits for an event is woken, and finds that a loop with a
    /// later number than its own has begun: [`superseded`](Self::superseded). `of` says whose
    /// events they are: `task` or `turn`.
    ///
    /// # Errors
    /// `InvalidRequest` where a loop was told the end already: this one would get nothing.
    #[doc(hidden)]
    pub fn begin_loop(&self, of: &str) -> Result<u64> {
        let shared = self.shared();
        let mut state = shared.lock();
        if state.end_told {
            return Err(Error::invalid(format!(
                "The events of this {of} were read to their end: another loop would get none. Keep them in the first loop, \
                 or read the messages of the session"
            )));
        }
        state.loops += 1;
        let number = state.loops;
        shared.wake(state);
        Ok(number)
    }

    /// What a loop raises that reads on after another one has begun.
    #[doc(hidden)]
    pub fn superseded(of: &str) -> Error {
        Error::invalid(format!(
            "Another loop reads the events of this {of}: each event would go to one of them. Read them in one loop, and \
             hand them on from there"
        ))
    }

    /// Waits until [`try_take`](Self::try_take) has something to say, or a loop begins.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let queue = self.clone();
        let loops = queue.shared().lock().loops;
        std::future::poll_fn(move |cx| queue.shared().poll_ready(cx, Some(loops)))
    }

    /// Waits like [`wait`](Self::wait), blocking this thread for at most
    /// `limit`. Says whether there is something to take.
    pub fn wait_blocking(&self, limit: Duration) -> bool {
        self.wait_in_loop(None, limit)
    }

    /// The same for the loop of this number: it also ends once a later one has begun.
    #[doc(hidden)]
    pub fn wait_in_loop(&self, number: Option<u64>, limit: Duration) -> bool {
        // A limit beyond what the clock can say is none.
        let until = Instant::now().checked_add(limit);
        let shared = self.shared();
        let mut state = shared.lock_to_read();
        // Not from here on only: the later one may have begun before this wait.
        while !state.readable() && number.is_none_or(|number| number == state.loops) {
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return false;
            }
            state = shared
                .readable
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Calls `callback` once, as soon as there is something to take: at once
    /// and on this thread, or later on the stream's thread. A callback that
    /// still waits is replaced.
    pub fn on_ready(&self, callback: impl FnOnce() + Send + 'static) {
        let mut state = self.shared().lock_to_read();
        if state.readable() {
            drop(state);
            callback();
        } else {
            state.callback = Some(Box::new(callback));
        }
    }

    /// Ends the stream from the consumer's side: drops what waits, frees the
    /// socket and wakes every waiter. Can be called twice.
    pub fn close(&self) {
        self.shared().close();
    }

    /// Whether the consumer closed the stream.
    pub fn is_closed(&self) -> bool {
        self.shared().lock().closed
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.shared().lock().events.len()
    }

    /// Whether no event waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets a stream begin that waits for its first reader.
    pub(crate) fn want(&self) {
        drop(self.shared().lock_to_read());
    }

    /// The same queue, without keeping the stream open.
    pub(crate) fn downgrade(&self) -> WeakQueue {
        WeakQueue(Arc::downgrade(&self.0))
    }

    /// Whether the stream waits for the consumer.
    pub(crate) fn is_full(&self) -> bool {
        self.shared().lock().full()
    }

    /// Ends the stream before it was read: there is nothing to read.
    pub(crate) fn end_unread(&self) {
        let on_close = self.shared().lock().on_close.take();
        if let Some(stop_driver) = on_close {
            stop_driver();
        }
        self.finish(Ok(()));
    }

    /// How many events an [`EventStream`] took and has not given to anybody.
    pub(crate) fn held(&self) -> usize {
        self.shared().held.load(Ordering::Relaxed)
    }

    /// How many events were given to somebody: all that were taken but those that their
    /// reader still holds.
    pub(crate) fn handed_over(&self, held: usize) -> u64 {
        let taken = self.shared().lock().taken;
        taken.saturating_sub(held as u64)
    }

    /// Ends the stream after what waits already.
    pub(crate) fn finish(&self, end: Result<()>) {
        self.shared().finish(end);
    }

    fn shared(&self) -> &Shared {
        &self.0.0
    }
}

impl Producer {
    /// Runs the stream's driver in the background, until it ends or the consumer
    /// closes the stream. Must be called inside a tokio runtime.
    pub(crate) fn drive(&self, driver: impl Future<Output = ()> + Send + 'static) {
        let abandoned = Abandoned(self.0.clone());
        // The task would hold it twice.
        let driver = Box::pin(driver);
        let driver = runtime::spawn(async move {
            driver.await;
            drop(abandoned);
        })
        .abort_handle();
        self.set_on_close(move || driver.abort());
    }

    /// Resolves once the consumer looks for an event. For the driver alone.
    pub(crate) async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// Runs `callback` when the consumer closes the stream.
    pub(crate) fn set_on_close(&self, callback: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock();
        if state.closed {
            drop(state);
            callback();
        } else {
            state.on_close = Some(Box::new(callback));
        }
    }

    /// Appends a batch; waits first while the queue is full. False if the
    /// consumer is gone.
    pub(crate) async fn push_batch(&self, batch: &mut Vec<Event>) -> bool {
        loop {
            let room = self.0.writable.notified();
            {
                let mut state = self.0.lock();
                if state.closed {
                    return false;
                }
                if !state.full() {
                    state.bytes += batch.iter().map(Event::weight).sum::<usize>();
                    let was_readable = state.readable();
                    state.events.extend(batch.drain(..));
                    if !was_readable && state.readable() {
                        self.0.wake(state);
                    }
                    return true;
                }
            }
            room.await;
        }
    }

    /// How many events were taken, those that their reader may still hold left out.
    pub(crate) fn surely_handed_over(&self) -> u64 {
        self.0.lock().taken.saturating_sub(TAKEN_AT_ONCE as u64)
    }

    /// Ends the stream from its own side. Only the first end counts.
    pub(crate) fn finish(&self, end: Result<()>) {
        self.0.finish(end);
    }
}

/// Ends a stream whose driver is dropped before it ended the stream itself:
/// nothing would ever come.
struct Abandoned(Arc<Shared>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        let error = Error::new(
            ErrorKind::Stream,
            "The tokio runtime that read this stream was shut down. Keep it for as long as you read",
        );
        self.0.finish(Err(error.with_reason("runtime_gone")));
    }
}

impl Clone for Producer {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Shared {
    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.events);
        state.bytes = 0;
        let on_close = state.on_close.take();
        self.wake(state);
        self.writable.notify_one();
        if let Some(on_close) = on_close {
            on_close();
        }
        drop(waiting);
    }

    fn finish(&self, end: Result<()>) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(end);
            self.wake(state);
        }
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wakers = std::mem::take(&mut state.wakers);
        let callback = state.callback.take();
        drop(state);
        self.readable.notify_all();
        wakers.into_iter().for_each(Waker::wake);
        if let Some(callback) = callback {
            callback();
        }
    }

    /// Ready once there is something to take, or another loop than the last of `loops` began.
    fn poll_ready(&self, cx: &mut Context<'_>, loops: Option<u64>) -> Poll<()> {
        let mut state = self.lock_to_read();
        if state.readable() || loops.is_some_and(|loops| loops != state.loops) {
            return Poll::Ready(());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_to_read(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if !state.wanted {
            state.wanted = true;
            self.wanted.notify_one();
        }
        state
    }
}

impl std::fmt::Debug for EventQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventQueue")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The events of a session or task as a [`Stream`](futures_core::Stream).
/// Dropping it frees the socket.
#[derive(Debug)]
pub struct EventStream {
    queue: EventQueue,
    taken: VecDeque<Event>,
    refused: Refused,
}

/// Whether another stream reads the queue: then this one says so, once.
#[derive(Debug)]
enum Refused {
    No,
    Untold(Box<Error>),
    Told,
}

impl EventStream {
    pub(crate) fn new(queue: EventQueue) -> Self {
        Self {
            queue,
            taken: VecDeque::new(),
            refused: Refused::No,
        }
    }

    /// The one stream of a queue that outlives it; `of` says whose events it has.
    pub(crate) fn only(queue: &EventQueue, of: &str) -> Self {
        let mut stream = Self::new(queue.clone());
        let claimed = std::mem::replace(&mut queue.shared().lock().claimed, true);
        if claimed {
            stream.refused = Refused::Untold(Box::new(Error::invalid(format!(
                "The events of this {of} have a stream already. Call `events` once, and go on with that stream"
            ))));
        }
        stream
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// Why the stream ended for good, once: then it is over.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// The queue behind the stream.
    pub fn queue(&self) -> &EventQueue {
        &self.queue
    }

    fn hold(&self, count: usize) {
        self.queue.shared().held.store(count, Ordering::Relaxed);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        match std::mem::replace(&mut self.refused, Refused::Told) {
            Refused::No => self.refused = Refused::No,
            Refused::Untold(error) => return Poll::Ready(Some(Err(*error))),
            Refused::Told => return Poll::Ready(None),
        }
        loop {
            if let Some(event) = self.taken.pop_front() {
                self.hold(self.taken.len());
                return Poll::Ready(Some(Ok(event)));
            }
            match self.queue.try_take(TAKEN_AT_ONCE) {
                Batch::Events(events) => {
                    self.taken = events.into();
                    self.hold(self.taken.len());
                }
                Batch::Ended => return Poll::Ready(None),
                Batch::Failed(error) => return Poll::Ready(Some(Err(error))),
                Batch::Empty => {
                    if self.queue.shared().poll_ready(cx, None).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl futures_core::Stream for EventStream {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if matches!(self.refused, Refused::No) {
            self.queue.close();
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::task::Wake;

    use super::*;
    use crate::agi::EventType;
    use crate::error::ErrorKind;

    fn event(id: i64) -> Event {
        Event::new(EventType::Thought, Some(id), "{}")
    }

    fn events(ids: std::ops::RangeInclusive<i64>) -> Vec<Event> {
        ids.map(event).collect()
    }

    /// Counts how often it is woken or called.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }

        fn callback(self: &Arc<Self>) -> impl FnOnce() + Send + 'static {
            let count = self.clone();
            move || count.wake()
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Polls a future once.
    fn poll<F: Future>(future: Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
        let waker = Waker::from(count.clone());
        future.poll(&mut Context::from_waker(&waker))
    }

    /// Pushes what must fit at once.
    fn push(producer: &Producer, mut batch: Vec<Event>) {
        let pushed = std::pin::pin!(producer.push_batch(&mut batch));
        assert_eq!(poll(pushed, &Arc::default()), Poll::Ready(true));
    }

    fn ids(batch: Batch) -> Vec<i64> {
        match batch {
            Batch::Events(events) => events.iter().filter_map(Event::id).collect(),
            other => panic!("no events but {other:?}"),
        }
    }

    #[test]
    fn events_come_in_order_and_in_batches() {
        let (producer, queue) = queue();
        assert!(matches!(queue.try_take(10), Batch::Empty));
        push(&producer, events(1..=3));
        push(&producer, events(4..=5));
        assert_eq!(queue.len(), 5);
        assert_eq!(ids(queue.try_take(2)), [1, 2]);
        assert_eq!(ids(queue.try_take(0)), [3], "at least one");
        assert_eq!(ids(queue.try_take(usize::MAX)), [4, 5]);
        assert!(matches!(queue.try_take(1), Batch::Empty));
        assert!(queue.is_empty());
    }

    #[test]
    fn clones_share_the_queue() {
        let (producer, queue) = queue();
        push(&producer.clone(), events(1..=1));
        assert_eq!(ids(queue.try_take(9)), [1]);
    }

    #[test]
    fn the_end_comes_after_the_last_event_and_stays() {
        let (producer, queue) = queue();
        push(&producer, events(1..=2));
        producer.finish(Ok(()));
        assert_eq!(ids(queue.try_take(1)), [1]);
        assert_eq!(ids(queue.try_take(1)), [2]);
        for _ in 0..3 {
            assert!(matches!(queue.try_take(1), Batch::Ended));
        }
    }

    #[test]
    fn a_failure_is_reported_once_and_only_the_first_end_counts() {
        let (producer, queue) = queue();
        push(&producer, events(1..=1));
        producer.finish(Err(Error::new(ErrorKind::Stream, "broken")));
        producer.finish(Ok(()));
        producer.finish(Err(Error::new(ErrorKind::Timeout, "later")));
        assert_eq!(ids(queue.try_take(1)), [1]);
        let Batch::Failed(error) = queue.try_take(1) else {
            panic!("it failed");
        };
        assert_eq!(error.kind(), ErrorKind::Stream);
        assert!(matches!(queue.try_take(1), Batch::Ended));
    }

    #[test]
    fn close_drops_what_waits_and_can_be_called_twice() {
        let (producer, queue) = queue();
        let closed = Arc::new(Count::default());
        producer.set_on_close(closed.callback());
        push(&producer, events(1..=3));
        queue.close();
        queue.close();
        assert!(queue.is_closed());
        assert_eq!((queue.len(), closed.get()), (0, 1));
        assert!(matches!(queue.try_take(1), Batch::Ended));
        let mut late = events(4..=4);
        let pushed = std::pin::pin!(producer.push_batch(&mut late));
        assert_eq!(poll(pushed, &Arc::default()), Poll::Ready(false));
        producer.finish(Err(Error::new(ErrorKind::Stream, "too late")));
        assert!(matches!(queue.try_take(1), Batch::Ended));
        // Who asks to be told after the close is told at once.
        producer.set_on_close(closed.callback());
        assert_eq!(closed.get(), 2);
    }

    #[test]
    fn a_full_queue_holds_the_producer_back() {
        let (producer, queue) = queue();
        assert!(!queue.is_full());
        push(&producer, events(1..=MAX_EVENTS as i64));
        assert!(queue.is_full());

        let woken = Arc::new(Count::default());
        let mut batch = events(5000..=5001);
        let mut pushing = std::pin::pin!(producer.push_batch(&mut batch));
        assert!(poll(pushing.as_mut(), &woken).is_pending());
        assert_eq!((queue.len(), woken.get()), (MAX_EVENTS, 0));

        assert_eq!(ids(queue.try_take(1)), [1]);
        assert_eq!(woken.get(), 1);
        assert_eq!(poll(pushing, &woken), Poll::Ready(true));
        assert_eq!(queue.len(), MAX_EVENTS + 1);
    }

    #[test]
    fn a_queue_is_full_by_bytes_too() {
        let (producer, queue) = queue();
        let large = || Event::new(EventType::Log, None, "x".repeat(MAX_BYTES));
        push(&producer, vec![large()]);
        assert!(queue.is_full());
        let woken = Arc::new(Count::default());
        let mut batch = vec![large()];
        let mut pushing = std::pin::pin!(producer.push_batch(&mut batch));
        assert!(poll(pushing.as_mut(), &woken).is_pending());
        assert!(matches!(queue.try_take(1), Batch::Events(_)));
        assert!(!queue.is_full());
        assert_eq!(poll(pushing, &woken), Poll::Ready(true));
        assert!(matches!(queue.try_take(9), Batch::Events(_)));
        assert!(!queue.is_full(), "the bytes are counted down again");
    }

    #[test]
    fn a_take_that_leaves_it_full_loses_no_wake() {
        let (producer, queue) = queue();
        push(&producer, events(1..=MAX_EVENTS as i64 - 1));
        push(&producer, events(1..=10));
        let woken = Arc::new(Count::default());
        let mut batch = events(1..=1);
        let mut pushing = std::pin::pin!(producer.push_batch(&mut batch));
        assert!(poll(pushing.as_mut(), &woken).is_pending());
        assert_eq!(ids(queue.try_take(1)), [1]);
        assert!(
            poll(pushing.as_mut(), &woken).is_pending(),
            "it is still full"
        );
        let before = woken.get();
        assert_eq!(ids(queue.try_take(100)).len(), 100);
        assert!(woken.get() > before);
        assert_eq!(poll(pushing, &woken), Poll::Ready(true));
    }

    #[test]
    fn close_frees_a_producer_that_waits() {
        let (producer, queue) = queue();
        push(&producer, events(1..=MAX_EVENTS as i64));
        let woken = Arc::new(Count::default());
        let mut batch = events(1..=1);
        let mut pushing = std::pin::pin!(producer.push_batch(&mut batch));
        assert!(poll(pushing.as_mut(), &woken).is_pending());
        queue.close();
        assert_eq!(woken.get(), 1);
        assert_eq!(poll(pushing, &woken), Poll::Ready(false));
    }

    #[test]
    fn a_waiter_is_woken_by_the_first_event_the_end_and_a_close() {
        let act: [fn(&Producer, &EventQueue); 4] = [
            |producer, _| push(producer, events(1..=1)),
            |producer, _| producer.finish(Ok(())),
            |producer, _| producer.finish(Err(Error::new(ErrorKind::Stream, "broken"))),
            |_, queue| queue.close(),
        ];
        for act in act {
            let (producer, queue) = queue();
            let woken = Arc::new(Count::default());
            let mut wait = std::pin::pin!(queue.wait());
            assert!(poll(wait.as_mut(), &woken).is_pending());
            // Asking again does not register twice.
            assert!(poll(wait.as_mut(), &woken).is_pending());
            act(&producer, &queue);
            assert_eq!(woken.get(), 1);
            assert!(poll(wait.as_mut(), &woken).is_ready());
            assert!(poll(std::pin::pin!(queue.wait()), &woken).is_ready());
        }
    }

    #[test]
    fn every_waiter_is_woken() {
        let (producer, queue) = queue();
        let counts: Vec<Arc<Count>> = std::iter::repeat_with(Arc::default).take(5).collect();
        for count in &counts {
            assert!(poll(std::pin::pin!(queue.wait()), count).is_pending());
        }
        push(&producer, events(1..=1));
        assert!(counts.iter().all(|count| count.get() == 1));
    }

    #[test]
    fn more_events_wake_nobody_while_some_wait() {
        let (producer, queue) = queue();
        push(&producer, events(1..=1));
        let called = Arc::new(Count::default());
        queue.on_ready(called.callback());
        assert_eq!(called.get(), 1, "at once");
        push(&producer, events(2..=2));
        producer.finish(Ok(()));
        assert_eq!(called.get(), 1, "once");
    }

    #[test]
    fn a_callback_is_called_once_and_the_last_one_counts() {
        let (producer, queue) = queue();
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        queue.on_ready(first.callback());
        queue.on_ready(second.callback());
        assert_eq!((first.get(), second.get()), (0, 0));
        push(&producer, events(1..=1));
        push(&producer, events(2..=2));
        queue.close();
        assert_eq!((first.get(), second.get()), (0, 1));
    }

    #[test]
    fn a_callback_may_use_the_queue() {
        let (producer, queue) = queue();
        let (sender, taken) = mpsc::channel();
        let inner = queue.clone();
        queue.on_ready(move || {
            sender.send(ids(inner.try_take(9))).expect("the test waits");
            inner.on_ready(|| {});
            inner.close();
        });
        push(&producer, events(1..=2));
        assert_eq!(taken.try_recv(), Ok(vec![1, 2]));
        assert!(queue.is_closed());
    }

    #[test]
    fn an_empty_batch_wakes_nobody() {
        let (producer, queue) = queue();
        let called = Arc::new(Count::default());
        queue.on_ready(called.callback());
        push(&producer, Vec::new());
        assert_eq!(called.get(), 0);
        push(&producer, events(1..=1));
        assert_eq!(called.get(), 1);
    }

    #[test]
    fn a_blocked_thread_is_woken() {
        let act: [fn(&Producer, &EventQueue); 3] = [
            |producer, _| push(producer, events(1..=1)),
            |producer, _| producer.finish(Ok(())),
            |_, queue| queue.close(),
        ];
        for act in act {
            let (producer, queue) = queue();
            let waiter = queue.clone();
            let blocked = std::thread::spawn(move || waiter.wait_blocking(Duration::MAX));
            act(&producer, &queue);
            assert!(blocked.join().expect("no limit is too long"));
        }
    }

    #[test]
    fn a_loop_that_begins_wakes_who_waits() {
        let (producer, queue) = queue();
        let (woken, called) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let mut wait = std::pin::pin!(queue.wait());
        assert!(poll(wait.as_mut(), &woken).is_pending());
        queue.on_ready(called.callback());
        assert_eq!(queue.begin_loop("task").expect("not read yet"), 1);
        assert_eq!((woken.get(), called.get()), (1, 1));
        assert!(poll(wait.as_mut(), &woken).is_ready());
        // Its own waits are for events again.
        assert!(poll(std::pin::pin!(queue.wait()), &woken).is_pending());
        let waiter = queue.clone();
        let blocked = std::thread::spawn(move || waiter.wait_in_loop(Some(1), Duration::MAX));
        assert_eq!(queue.begin_loop("task").expect("not at its end"), 2);
        assert!(
            blocked
                .join()
                .expect("it is woken, or finds the later loop")
        );
        assert!(
            queue.wait_in_loop(Some(1), Duration::MAX),
            "also afterwards"
        );
        assert!(
            !queue.wait_in_loop(Some(2), Duration::ZERO),
            "it is the latest"
        );
        push(&producer, events(1..=1));
        assert!(queue.wait_in_loop(Some(2), Duration::MAX));
    }

    #[test]
    fn no_loop_begins_after_the_end_was_told() {
        for end in [Ok(()), Err(Error::new(ErrorKind::Stream, "broken"))] {
            let (producer, queue) = super::queue();
            push(&producer, events(1..=1));
            producer.finish(end);
            assert_eq!(ids(queue.try_take(9)), [1]);
            assert!(queue.begin_loop("turn").is_ok(), "the end is news");
            assert!(matches!(queue.try_take(9), Batch::Ended | Batch::Failed(_)));
            let error = queue.begin_loop("turn").expect_err("there is nothing left");
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.to_string().contains("events of this turn"), "{error}");
        }
        let (_producer, closed) = queue();
        closed.close();
        assert!(matches!(closed.try_take(9), Batch::Ended));
        assert!(closed.begin_loop("task").is_ok(), "who closed it knows");
    }

    #[test]
    fn a_blocking_wait_has_a_limit() {
        let (producer, queue) = queue();
        assert!(!queue.wait_blocking(Duration::ZERO));
        assert!(!queue.wait_blocking(Duration::from_millis(1)));
        push(&producer, events(1..=1));
        assert!(queue.wait_blocking(Duration::ZERO));
    }

    #[tokio::test]
    async fn a_stream_gives_every_event_then_the_error_then_nothing() {
        let (producer, queue) = queue();
        let mut stream = EventStream::new(queue);
        let pushing = tokio::spawn(async move {
            for id in 1..=3 * MAX_EVENTS as i64 {
                assert!(producer.push_batch(&mut events(id..=id)).await);
            }
            producer.finish(Err(Error::new(ErrorKind::Stream, "broken")));
        });
        for id in 1..=3 * MAX_EVENTS as i64 {
            let event = stream.next().await.expect("more events").expect("no error");
            assert_eq!(event.id(), Some(id));
        }
        let error = stream
            .next()
            .await
            .expect("the error")
            .expect_err("no event");
        assert_eq!(error.kind(), ErrorKind::Stream);
        assert!(stream.next().await.is_none());
        pushing.await.expect("the producer ends");
    }

    #[test]
    fn dropping_a_stream_closes_its_queue() {
        let (_producer, queue) = queue();
        drop(EventStream::new(queue.clone()));
        assert!(queue.is_closed());
    }

    #[test]
    fn dropping_the_last_handle_closes_the_queue() {
        let (producer, queue) = queue();
        let closed = Arc::new(Count::default());
        producer.set_on_close(closed.callback());
        let other = queue.clone();
        drop(queue);
        assert_eq!(closed.get(), 0);
        drop(other);
        assert_eq!(closed.get(), 1);
        let mut late = events(1..=1);
        let pushed = std::pin::pin!(producer.push_batch(&mut late));
        assert_eq!(poll(pushed, &Arc::default()), Poll::Ready(false));
    }

    #[test]
    fn the_streams_side_may_go_first() {
        let (producer, queue) = queue();
        push(&producer, events(1..=1));
        producer.finish(Ok(()));
        drop(producer);
        assert_eq!(ids(queue.try_take(9)), [1]);
        assert!(matches!(queue.try_take(9), Batch::Ended));
    }
}

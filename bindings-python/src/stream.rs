//! A stream of events for Python: blocking iteration, and batches for loops.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use sessionwire::stream::TAKEN_AT_ONCE;
use sessionwire::{Batch, Error, EventQueue, agi};

use crate::bridge::Bridge;
use crate::runtime::{self, Deadline, Runtime, RuntimeBound};
use crate::{error, events};

/// The events of a session or task, each exactly once, in order.
///
/// An iterator and a context manager. Closing it, or dropping the last
/// reference to it, frees its socket.
#[pyclass(frozen, module = "sessionwire")]
#[derive(Debug)]
pub(crate) struct EventStream {
    bound: RuntimeBound<Arc<Reader>>,
    /// Of a loop over the events of a handle: its number, from its first read on.
    number: Option<OnceLock<u64>>,
}

#[derive(Debug)]
struct Reader {
    queue: EventQueue,
    taken: Mutex<VecDeque<agi::Event>>,
    /// How many events were taken, and dropped at a close.
    dropped: AtomicUsize,
    /// Whose events they are, if a handle's: `task` or `turn`.
    of: &'static str,
    /// The number of the loop that began last.
    latest: AtomicU64,
}

/// What a reader has now.
enum Now {
    Event(agi::Event),
    Nothing,
    Ended,
}

impl Reader {
    fn taken(&self) -> MutexGuard<'_, VecDeque<agi::Event>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a loop, in place of the one before it.
    fn begin(&self) -> Result<u64, Error> {
        let taken = self.taken();
        let number = self.queue.begin_loop(self.of)?;
        self.latest.store(number, Ordering::Release);
        drop(taken);
        Ok(number)
    }

    /// The next event, for the loop of this number.
    fn next(&self, py: Python<'_>, number: Option<u64>) -> PyResult<Now> {
        let mut taken = self.taken();
        if number.is_some_and(|number| number != self.latest.load(Ordering::Acquire)) {
            drop(taken);
            return Err(error::to_py(py, &EventQueue::superseded(self.of)));
        }
        if taken.is_empty() {
            match self.queue.try_take(TAKEN_AT_ONCE) {
                Batch::Events(events) => *taken = events.into(),
                Batch::Empty => return Ok(Now::Nothing),
                Batch::Ended => return Ok(Now::Ended),
                Batch::Failed(failure) => {
                    drop(taken);
                    return Err(error::to_py(py, &failure));
                }
            }
        }
        Ok(taken.pop_front().map_or(Now::Nothing, Now::Event))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl EventStream {
    pub(crate) fn new(runtime: &'static Runtime, queue: EventQueue) -> Self {
        Self::of(runtime, queue, "session")
    }

    /// The events of a handle: of a `task`, or of a `turn`.
    pub(crate) fn of(runtime: &'static Runtime, queue: EventQueue, of: &'static str) -> Self {
        let reader = Reader {
            queue,
            taken: Mutex::default(),
            dropped: AtomicUsize::default(),
            of,
            latest: AtomicU64::default(),
        };
        Self {
            bound: RuntimeBound::new(runtime, Arc::new(reader)),
            number: None,
        }
    }

    fn reader(&self, py: Python<'_>) -> PyResult<&Arc<Reader>> {
        self.bound
            .get()
            .ok_or_else(|| error::forked(py, "event stream"))
    }

    /// The number of this loop, which begins now unless it did before.
    fn number(&self, py: Python<'_>, reader: &Reader) -> PyResult<Option<u64>> {
        let Some(number) = &self.number else {
            return Ok(None);
        };
        if number.get().is_none() {
            let begun = reader.begin().map_err(|failure| error::to_py(py, &failure));
            let _ = number.set(begun?);
        }
        Ok(number.get().copied())
    }

    /// The next event, waiting for it until the deadline.
    fn next_before(&self, py: Python<'_>, deadline: Deadline) -> PyResult<Now> {
        let reader = self.reader(py)?;
        let number = self.number(py, reader)?;
        loop {
            match reader.next(py, number)? {
                Now::Nothing => {}
                now => return Ok(now),
            }
            let runtime = self.bound.runtime();
            runtime::wait(py, |tick| {
                reader.queue.wait_in_loop(number, deadline.limit(tick))
                    || deadline.has_passed()
                    || !runtime.is_usable()
            })?;
            if !runtime.is_usable() {
                return Ok(Now::Ended);
            }
            if deadline.has_passed() {
                return reader.next(py, number);
            }
        }
    }
}

#[pymethods]
impl EventStream {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.next_before(py, Deadline::after(None))? {
            Now::Event(event) => events::to_py(py, event).map(Some),
            Now::Nothing | Now::Ended => Ok(None),
        }
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        self.close(py);
    }

    /// Ends the stream and frees its socket. Can be called twice.
    fn close(&self, py: Python<'_>) {
        if let Some(reader) = self.bound.get() {
            let dropped = std::mem::take(&mut *reader.taken()).len();
            reader.dropped.fetch_add(dropped, Ordering::Relaxed);
            runtime::tick(py, || reader.queue.close());
        }
    }

    /// Whether the stream was closed on this side.
    #[getter]
    fn closed(&self) -> bool {
        self.bound
            .get()
            .is_none_or(|reader| reader.queue.is_closed())
    }

    fn __repr__(&self) -> String {
        format!(
            "EventStream(closed={})",
            if self.closed() { "True" } else { "False" }
        )
    }

    /// The next event; None at the end; False after `timeout` seconds.
    fn _next(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        match self.next_before(py, Deadline::after(timeout))? {
            Now::Event(event) => events::to_py(py, event),
            Now::Nothing => false.into_py_any(py),
            Now::Ended => Ok(py.None()),
        }
    }

    /// One loop over these events, which goes on where the one before it stopped.
    fn _loop(&self, py: Python<'_>) -> PyResult<Self> {
        let reader = self.reader(py)?.clone();
        Ok(Self {
            bound: RuntimeBound::new(self.bound.runtime(), reader),
            number: Some(OnceLock::new()),
        })
    }

    /// Begins a loop that is kept elsewhere; gives its number.
    fn _begin(&self, py: Python<'_>) -> PyResult<u64> {
        let reader = self.reader(py)?;
        reader.begin().map_err(|failure| error::to_py(py, &failure))
    }

    /// Raises what a loop does that reads on after another one has begun.
    fn _superseded(&self, py: Python<'_>) -> PyResult<()> {
        let failure = EventQueue::superseded(self.reader(py)?.of);
        Err(error::to_py(py, &failure))
    }

    /// The events that are there now, the last one first: a list that is empty
    /// at the end, or None if more may come.
    fn _take(&self, py: Python<'_>) -> PyResult<Option<Vec<Py<PyAny>>>> {
        let reader = self.reader(py)?;
        let left = std::mem::take(&mut *reader.taken());
        if !left.is_empty() {
            return events::batch_reversed(py, left.into_iter()).map(Some);
        }
        match reader.queue.try_take(TAKEN_AT_ONCE) {
            Batch::Events(events) => events::batch_reversed(py, events.into_iter()).map(Some),
            Batch::Empty => Ok(None),
            Batch::Ended => Ok(Some(Vec::new())),
            Batch::Failed(failure) => Err(error::to_py(py, &failure)),
        }
    }

    /// How many events were taken from the queue here, and given to nobody.
    fn _held(&self, py: Python<'_>) -> PyResult<usize> {
        let reader = self.reader(py)?;
        Ok(reader.taken().len() + reader.dropped.load(Ordering::Relaxed))
    }

    /// Sends `token` through the bridge as soon as `_take` has something.
    fn _watch(&self, py: Python<'_>, bridge: &Bridge, token: u64) -> PyResult<()> {
        let signal = bridge.signal();
        self.reader(py)?.queue.on_ready(move || signal.push(token));
        Ok(())
    }
}

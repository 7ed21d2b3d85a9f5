//! Work on the runtime that Python waits for or awaits.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use sessionwire::{Error, ErrorKind};
use tokio::task::AbortHandle;

use crate::bridge::Bridge;
use crate::error;
use crate::runtime::{self, Deadline, Runtime, RuntimeBound};
use crate::signal::Signal;

/// What a call gives. It is plain data until Python takes it.
pub(crate) trait Reply: Send + 'static {
    /// As Python sees it.
    fn into_py(self: Box<Self>, py: Python<'_>, runtime: &'static Runtime) -> PyResult<Py<PyAny>>;
}

/// A request under way. `wait()` blocks for its value; an event loop calls
/// `watch()`, and `result()` once it is done. Dropping it cancels it.
#[pyclass(frozen, module = "sessionwire._native")]
pub(crate) struct Pending {
    bound: RuntimeBound<Running>,
}

struct Running {
    state: Arc<State>,
    abort: AbortHandle,
}

#[derive(Default)]
struct State {
    slot: Mutex<Slot>,
    done: Condvar,
}

#[derive(Default)]
struct Slot {
    done: bool,
    result: Option<Result<Box<dyn Reply>, Error>>,
    watcher: Option<(Arc<Signal>, u64)>,
    /// Nobody will take the result.
    given_up: bool,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: Result<Box<dyn Reply>, Error>) {
        let mut slot = self.lock();
        if slot.done {
            return;
        }
        slot.done = true;
        let dropped = if slot.given_up {
            Some(result)
        } else {
            slot.result = Some(result);
            None
        };
        let watcher = slot.watcher.take();
        drop(slot);
        // Not under the lock: a session that nobody takes is deleted then.
        drop(dropped);
        self.done.notify_all();
        if let Some((signal, token)) = watcher {
            signal.push(token);
        }
    }

    fn wait(&self, limit: Duration) -> bool {
        let slot = self.lock();
        let (slot, _) = self
            .done
            .wait_timeout_while(slot, limit, |slot| !slot.done)
            .unwrap_or_else(PoisonError::into_inner);
        slot.done
    }
}

impl Running {
    /// Ends it, and drops what it gave: a created session, for example, is
    /// deleted then.
    fn give_up(&self) {
        self.abort.abort();
        let mut slot = self.state.lock();
        slot.given_up = true;
        let dropped = slot.result.take();
        drop(slot);
        drop(dropped);
    }
}

/// Ends it on every way out of its task, so that nobody waits for
/// one that was cancelled, panicked, or lost its runtime.
struct Completion(Arc<State>);

impl Drop for Completion {
    fn drop(&mut self) {
        let message = if std::thread::panicking() {
            "sessionwire failed inside: this is a bug. Report it with what was called"
        } else {
            "The operation was cancelled"
        };
        self.0.finish(Err(Error::new(ErrorKind::Stream, message)));
    }
}

type Work = Pin<Box<dyn Future<Output = Result<Box<dyn Reply>, Error>> + Send>>;

impl Pending {
    /// Starts `work` on the runtime.
    pub(crate) fn spawn<R: Reply>(
        runtime: &'static Runtime,
        work: impl Future<Output = Result<R, Error>> + Send + 'static,
    ) -> Self {
        // One type for all: each other would bring a copy of tokio's code for tasks.
        Self::spawn_boxed(
            runtime,
            runtime::boxed(async move { Ok(Box::new(work.await?) as Box<dyn Reply>) }),
        )
    }

    fn spawn_boxed(runtime: &'static Runtime, work: Work) -> Self {
        let state = Arc::new(State::default());
        let completion = Completion(state.clone());
        let task = runtime.handle().spawn(async move {
            let result = work.await;
            completion.0.finish(result);
        });
        let running = Running {
            state,
            abort: task.abort_handle(),
        };
        Self {
            bound: RuntimeBound::new(runtime, running),
        }
    }

    /// Starts a call of the core, which is made on the runtime.
    pub(crate) fn begin<R: Reply, W>(runtime: &'static Runtime, call: impl FnOnce() -> W) -> Self
    where
        W: Future<Output = Result<R, Error>> + Send + 'static,
    {
        let _entered = runtime.handle().enter();
        Self::spawn(runtime, call())
    }

    fn running(&self, py: Python<'_>) -> PyResult<&Running> {
        self.bound
            .get()
            .ok_or_else(|| error::forked(py, "operation"))
    }
}

#[pymethods]
impl Pending {
    /// Blocks until it is done; its value. Ctrl-C cancels it.
    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.wait_for(py, None)?;
        self.result(py)
    }

    /// Blocks until it is done, or for so many seconds; whether it is
    /// done. Ctrl-C cancels it.
    #[pyo3(signature = (seconds=None))]
    fn wait_for(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<bool> {
        let running = self.running(py)?;
        let deadline = Deadline::after(seconds);
        runtime::wait(py, |tick| {
            running.state.wait(deadline.limit(tick)) || deadline.has_passed()
        })
        .inspect_err(|_| running.give_up())?;
        Ok(running.state.lock().done)
    }

    /// The same at the end of the process, where a Ctrl-C that comes a second time
    /// ends nothing.
    fn wait_at_exit(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let running = self.running(py)?;
        let deadline = Deadline::after(Some(seconds));
        runtime::wait_at_exit(py, |tick| {
            running.state.wait(deadline.limit(tick)) || deadline.has_passed()
        })?;
        Ok(running.state.lock().done)
    }

    /// Sends `token` through the bridge once it is done. True if it is done
    /// already, and nothing will be sent.
    fn watch(&self, py: Python<'_>, bridge: &Bridge, token: u64) -> PyResult<bool> {
        let mut slot = self.running(py)?.state.lock();
        if !slot.done {
            slot.watcher = Some((bridge.signal(), token));
        }
        Ok(slot.done)
    }

    /// Its value once it is done; to be taken once; raises its error.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let result = self.running(py)?.state.lock().result.take();
        match result {
            Some(Ok(reply)) => reply.into_py(py, self.bound.runtime()),
            Some(Err(failure)) => Err(error::to_py(py, &failure)),
            None => Err(PyRuntimeError::new_err("the call has no result to take")),
        }
    }

    /// Drops the request, or what came of it. Does nothing once that was taken.
    fn cancel(&self) {
        if let Some(running) = self.bound.get() {
            running.give_up();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(running) = self.bound.get() {
            running.give_up();
        }
    }
}

impl Reply for bool {
    fn into_py(self: Box<Self>, py: Python<'_>, _: &'static Runtime) -> PyResult<Py<PyAny>> {
        (*self).into_py_any(py)
    }
}

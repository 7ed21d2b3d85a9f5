//! One tokio runtime per process, and the way in and out of waiting for it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use sessionwire::background::Background;
use tokio::runtime::Handle;

use crate::process::{WAITING, process};
use crate::{error, log};

/// How long a blocking wait goes without a look at the signals.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// How long a signal that comes again is the same one.
const SAME_SIGNAL: Duration = Duration::from_secs(1);
/// Most time that the end of the process waits for the runtime.
const LONGEST_SHUTDOWN: Duration = Duration::from_millis(200);
/// Most time that it waits for sessions that must not be left.
const LONGEST_SETTLING: Duration = Duration::from_secs(5);

/// A runtime that belongs to one process. It is never freed: a child process
/// must not touch its parent's, not even to drop it.
#[derive(Debug)]
pub(crate) struct Runtime {
    process: u32,
    stopped: AtomicBool,
    handle: Handle,
    owned: Mutex<Option<tokio::runtime::Runtime>>,
    /// Of every client on it. Locked as `CURRENT` is.
    backgrounds: Mutex<Vec<Background>>,
}

/// Locked only while attached to the interpreter and never across a detach, so
/// that no other thread can hold it at the moment of a fork.
static CURRENT: Mutex<Option<&'static Runtime>> = Mutex::new(None);

impl Runtime {
    /// This process's runtime; made on first use, after a fork, and again if
    /// someone still needs it while the interpreter ends.
    pub(crate) fn current(py: Python<'_>) -> PyResult<&'static Self> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = current.filter(|runtime| runtime.is_usable()) {
            return Ok(runtime);
        }
        // A connection's task and the stream that reads from it hand over every
        // chunk: on one worker that costs half of what it costs across two.
        let owned = sessionwire::runtime::start(1).map_err(|failure| error::to_py(py, &failure))?;
        let runtime: &'static Self = Box::leak(Box::new(Self {
            process: process(),
            stopped: AtomicBool::new(false),
            handle: owned.handle().clone(),
            owned: Mutex::new(Some(owned)),
            backgrounds: Mutex::default(),
        }));
        *current = Some(runtime);
        Ok(runtime)
    }

    /// Waits for what goes on in this background when the process ends.
    pub(crate) fn settle_at_exit(&self, background: &Background) {
        let mut backgrounds = self.lock_backgrounds();
        backgrounds.retain(|other| !other.is_unused());
        // A copy of a client has its background.
        if !backgrounds.iter().any(|other| other.is_same(background)) {
            backgrounds.push(background.clone());
        }
    }

    fn lock_backgrounds(&self) -> MutexGuard<'_, Vec<Background>> {
        self.backgrounds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the calls of every client, and waits for what must not be left; which
    /// sessions are left. A signal ends the wait.
    fn settle(&self, py: Python<'_>) -> Vec<String> {
        let backgrounds = std::mem::take(&mut *self.lock_backgrounds());
        let (sender, receiver) = mpsc::channel();
        for background in backgrounds {
            background.close();
            if background.is_idle() {
                continue;
            }
            let sender = sender.clone();
            self.handle.spawn(boxed(async move {
                for left in background.settle(LONGEST_SETTLING).await {
                    let _ = sender.send(left.to_string());
                }
            }));
        }
        drop(sender);
        let mut texts = Vec::new();
        let into = &mut texts;
        let until = Instant::now() + LONGEST_SETTLING + TICK;
        // A signal ends the wait; there is nobody left to raise it to.
        let _ = wait_at_exit(py, move |tick| match receiver.recv_timeout(tick) {
            Ok(left) => {
                into.push(left);
                false
            }
            Err(RecvTimeoutError::Timeout) => Instant::now() > until,
            Err(RecvTimeoutError::Disconnected) => true,
        });
        texts
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether this is still the process that made the runtime.
    pub(crate) fn is_own_process(&self) -> bool {
        self.process == process()
    }

    /// Whether the runtime runs, here.
    pub(crate) fn is_usable(&self) -> bool {
        self.is_own_process() && !self.stopped.load(Ordering::Acquire)
    }
}

/// A value that lives on a runtime: dropped only in the process that made it.
/// A child forgets its copy, whose locks may be held by threads that it lacks.
#[derive(Debug)]
pub(crate) struct RuntimeBound<T> {
    value: Option<T>,
    runtime: &'static Runtime,
}

impl<T> RuntimeBound<T> {
    pub(crate) fn new(runtime: &'static Runtime, value: T) -> Self {
        Self {
            value: Some(value),
            runtime,
        }
    }

    /// The value, unless this process is a child of the one that made it.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value
            .as_ref()
            .filter(|_| self.runtime.is_own_process())
    }

    pub(crate) fn runtime(&self) -> &'static Runtime {
        self.runtime
    }
}

impl<T> Drop for RuntimeBound<T> {
    fn drop(&mut self) {
        if !self.runtime.is_own_process() {
            std::mem::forget(self.value.take());
        }
    }
}

/// The thread that ends the interpreter, once it does.
static CLOSING: OnceLock<ThreadId> = OnceLock::new();

/// Calls `ready` detached, with the longest time that it may block, until it
/// says true. Looks at the signals in between: Ctrl-C raises here.
pub(crate) fn wait(py: Python<'_>, mut ready: impl FnMut(Duration) -> bool + Send) -> PyResult<()> {
    loop {
        let is_ready = tick(py, || ready(TICK));
        log::replay(py);
        if is_ready {
            return Ok(());
        }
        py.check_signals()?;
    }
}

/// The same at the end of the process. A signal that came a moment ago may come
/// again, where a program that runs this one passes it on: that ends nothing.
pub(crate) fn wait_at_exit(
    py: Python<'_>,
    mut ready: impl FnMut(Duration) -> bool + Send,
) -> PyResult<()> {
    let same_signal = Instant::now() + SAME_SIGNAL;
    loop {
        match wait(py, &mut ready) {
            Err(_) if Instant::now() < same_signal => {}
            outcome => return outcome,
        }
    }
}

/// Runs `work` detached.
///
/// A daemon thread that comes back while the interpreter ends would be killed
/// by it in the middle of our frames: such a thread stays out for good, and
/// `shut_down` waits for those that are just coming back.
pub(crate) fn tick<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let value = py.detach(|| {
        stay_out_if_closing();
        WAITING.fetch_add(1, Ordering::SeqCst);
        let value = work();
        if is_closing_elsewhere() {
            WAITING.fetch_sub(1, Ordering::SeqCst);
            stay_out_if_closing();
        }
        value
    });
    WAITING.fetch_sub(1, Ordering::SeqCst);
    value
}

fn is_closing_elsewhere() -> bool {
    CLOSING
        .get()
        .is_some_and(|closer| *closer != std::thread::current().id())
}

fn stay_out_if_closing() {
    while is_closing_elsewhere() {
        std::thread::park();
    }
}

/// Ends every call and the runtime. Called once, at the interpreter's exit; takes
/// at most 250 ms, and up to 5 s where sessions must not be left. Which ones are.
#[pyfunction]
pub(crate) fn shut_down(py: Python<'_>) -> Vec<String> {
    let _ = CLOSING.set(std::thread::current().id());
    let runtime = CURRENT
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let runtime = runtime.filter(|runtime| runtime.is_own_process());
    let left = runtime.map_or_else(Vec::new, |runtime| runtime.settle(py));
    let owned = runtime.and_then(|runtime| {
        runtime.stopped.store(true, Ordering::Release);
        runtime
            .owned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    });
    py.detach(|| {
        let until = Instant::now() + LONGEST_SHUTDOWN;
        if let Some(owned) = owned {
            owned.shutdown_timeout(LONGEST_SHUTDOWN);
        }
        while WAITING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    log::replay(py);
    left
}

/// The end of a wait, where it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// So many seconds from now. What no clock can hold is for ever.
    pub(crate) fn after(seconds: Option<f64>) -> Self {
        let limit = seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)));
        Self(
            limit
                .and_then(Result::ok)
                .and_then(|limit| Instant::now().checked_add(limit)),
        )
    }

    /// How long to wait at once.
    pub(crate) fn limit(self, tick: Duration) -> Duration {
        self.0.map_or(tick, |until| {
            until.saturating_duration_since(Instant::now()).min(tick)
        })
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|until| Instant::now() >= until)
    }
}

/// The future as the one type that all tasks have: each other one would bring a copy of
/// tokio's code for tasks.
pub(crate) fn boxed<T>(
    work: impl Future<Output = T> + Send + 'static,
) -> Pin<Box<dyn Future<Output = T> + Send>> {
    Box::pin(work)
}

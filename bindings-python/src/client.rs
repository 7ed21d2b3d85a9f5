//! The client: configuration, and a core client per runtime.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use sessionwire::agi::{self, EventOptions, RunTasks, StartTask};
use sessionwire::{ClientConfig, ClientOptions, ErrorKind, OptionChanges};

use crate::fanout::TaskRuns;
use crate::ops::{Operation, Value};
use crate::runtime::{self, Bound as Own, Runtime};
use crate::stream::EventStream;
use crate::{error, json};

/// A client of the core, of either service.
pub(crate) trait Core: Clone + Send + Sync + 'static {
    /// What it is built from.
    type Config: Clone;

    fn open(config: Self::Config) -> sessionwire::Result<Self>;
    fn config(&self) -> &Self::Config;
    fn close(&self);
}

impl Core for agi::Client {
    type Config = ClientConfig;

    fn open(config: ClientConfig) -> sessionwire::Result<Self> {
        Self::new(config)
    }

    fn config(&self) -> &ClientConfig {
        self.config()
    }

    fn close(&self) {
        self.close();
    }
}

/// A configuration, and a core client per runtime.
#[derive(Debug)]
pub(crate) struct PerRuntime<C: Core> {
    config: C::Config,
    closed: Arc<AtomicBool>,
    /// Locked only while attached and never across a detach (see `runtime`).
    live: Mutex<Own<C>>,
}

impl<C: Core> PerRuntime<C> {
    pub(crate) fn new(py: Python<'_>, client: C) -> PyResult<Self> {
        Self::build(py, client, Arc::default())
    }

    fn build(py: Python<'_>, client: C, closed: Arc<AtomicBool>) -> PyResult<Self> {
        Ok(Self {
            config: client.config().clone(),
            closed,
            live: Mutex::new(Own::new(Runtime::current(py)?, client)),
        })
    }

    /// The same for a copy with other options: closing one closes both.
    pub(crate) fn copy(&self, py: Python<'_>, client: C) -> PyResult<Self> {
        Self::build(py, client, self.closed.clone())
    }

    pub(crate) fn config(&self) -> &C::Config {
        &self.config
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The core client of the runtime in force: a new one after a fork, since
    /// connections belong to the process that opened them.
    pub(crate) fn live(&self, py: Python<'_>) -> PyResult<(&'static Runtime, C)> {
        crate::log::refresh(py);
        let runtime = Runtime::current(py)?;
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = live.get()
            && std::ptr::eq(live.runtime(), runtime)
        {
            return Ok((runtime, client.clone()));
        }
        let client = C::open(self.config.clone()).map_err(|failure| error::to_py(py, &failure))?;
        if self.closed() {
            client.close();
        }
        *live = Own::new(runtime, client.clone());
        Ok((runtime, client))
    }

    /// The core client that is there, if its runtime can still be used.
    fn usable(&self) -> Option<(&'static Runtime, C)> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = live.runtime();
        let client = live.get().filter(|_| runtime.is_usable())?;
        Some((runtime, client.clone()))
    }

    pub(crate) fn close(&self, py: Python<'_>) {
        self.closed.store(true, Ordering::Release);
        if let Some((_, client)) = self.usable() {
            runtime::tick(py, || client.close());
        }
    }
}

/// A client of the service. It works in every thread, and anew in a child
/// process.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct Client {
    core: PerRuntime<agi::Client>,
}

#[pymethods]
impl Client {
    #[new]
    fn new(py: Python<'_>, options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let options: ClientOptions =
            json::params(options, ErrorKind::Config, "The client's options")?;
        let client = ClientConfig::resolve(options)
            .and_then(agi::Client::new)
            .map_err(|failure| error::to_py(py, &failure))?;
        let core = PerRuntime::new(py, client)?;
        Ok(Self { core })
    }

    /// The service's address, ending in `/v1`.
    #[getter]
    fn base_url(&self) -> &str {
        self.core.config().base_url()
    }

    /// The deadline of one call, in seconds.
    #[getter]
    fn timeout(&self) -> f64 {
        self.core.config().timeout().as_secs_f64()
    }

    /// Whether the client was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.core.closed()
    }

    /// A copy with some options changed; it shares the connections.
    fn with_options(&self, py: Python<'_>, changes: &Bound<'_, PyAny>) -> PyResult<Self> {
        let changes: OptionChanges = json::params(changes, ErrorKind::Config, "with_options")?;
        let (_, client) = self.core.live(py)?;
        let copy = client
            .with_options(changes)
            .map_err(|failure| error::to_py(py, &failure))?;
        let core = self.core.copy(py, copy)?;
        Ok(Self { core })
    }

    /// Starts a request: `{"op": ..., ...}`.
    fn start(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Operation> {
        let operation: agi::Operation =
            json::params(params, ErrorKind::InvalidRequest, &call(params))?;
        let (runtime, client) = self.core.live(py)?;
        let _entered = runtime.handle().enter();
        let work = client.execute(operation);
        Ok(Operation::spawn(runtime, async move {
            work.await.map(Value::Output)
        }))
    }

    /// Sends a task; the operation's value is a Task.
    fn start_task(
        &self,
        py: Python<'_>,
        session_id: &str,
        params: &Bound<'_, PyAny>,
    ) -> PyResult<Operation> {
        let start: StartTask = json::params(params, ErrorKind::InvalidRequest, "start_task")?;
        let (runtime, client) = self.core.live(py)?;
        let _entered = runtime.handle().enter();
        let work = client.start_task(session_id, start);
        Ok(Operation::spawn(runtime, async move {
            work.await.map(Value::Task)
        }))
    }

    /// Starts many tasks, one session each.
    fn run_tasks(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<TaskRuns> {
        let plan: RunTasks = json::params(params, ErrorKind::InvalidRequest, "run_tasks")?;
        let (runtime, client) = self.core.live(py)?;
        let _entered = runtime.handle().enter();
        let outcomes = client
            .run_tasks(plan)
            .map_err(|failure| error::to_py(py, &failure))?;
        Ok(TaskRuns::new(runtime, outcomes))
    }

    /// Opens a session's event stream.
    fn events(
        &self,
        py: Python<'_>,
        session_id: &str,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<EventStream> {
        let options: EventOptions = json::params(options, ErrorKind::InvalidRequest, "events")?;
        let (runtime, client) = self.core.live(py)?;
        let _entered = runtime.handle().enter();
        let queue = client
            .events(session_id, options)
            .map_err(|failure| error::to_py(py, &failure))?;
        Ok(EventStream::new(runtime, queue))
    }

    /// Deletes the sessions that this process created with this client and its
    /// copies, also once it is closed; the operation's value is a list of
    /// (session id, why) of those that are left. None where there are none.
    fn delete_created_sessions(&self, seconds: f64) -> Option<Operation> {
        let (runtime, client) = self.core.usable()?;
        let limit = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Some(Operation::spawn(runtime, async move {
            Ok(Value::Failures(client.delete_created_sessions(limit).await))
        }))
    }

    /// Ends every call, wait and stream of this client and its copies.
    fn close(&self, py: Python<'_>) {
        self.core.close(py);
    }
}

/// The name of the call, for the text of an error.
pub(crate) fn call(params: &Bound<'_, PyAny>) -> String {
    params
        .get_item("op")
        .and_then(|op| op.extract())
        .unwrap_or_else(|_| "The call".to_owned())
}

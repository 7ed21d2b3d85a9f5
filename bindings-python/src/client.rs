//! The client of AGI.

use std::time::Duration;

use pyo3::prelude::*;
use sessionwire::agi::{self, EventOptions, RunTasks, StartTask};
use sessionwire::{ClientConfig, ClientOptions, ErrorKind, OptionChanges};

use crate::fanout::TaskRuns;
use crate::ops::{Operation, Value};
use crate::service::{Core, PerRuntime, op_of};
use crate::stream::EventStream;
use crate::{error, json};

impl Core for agi::Client {
    type Options = ClientOptions;
    type Config = ClientConfig;

    fn resolve(options: ClientOptions) -> sessionwire::Result<ClientConfig> {
        ClientConfig::resolve(options)
    }

    fn open(config: ClientConfig) -> sessionwire::Result<Self> {
        Self::new(config)
    }

    fn config(&self) -> &ClientConfig {
        self.config()
    }

    fn with_options(&self, changes: OptionChanges) -> sessionwire::Result<Self> {
        self.with_options(changes)
    }

    fn close(&self) {
        self.close();
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
        let core = PerRuntime::open(py, options)?;
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
        let core = self.core.with_options(py, changes)?;
        Ok(Self { core })
    }

    /// Starts a request: `{"op": ..., ...}`.
    fn start(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Operation> {
        let operation: agi::Operation =
            json::params(params, ErrorKind::InvalidRequest, &op_of(params))?;
        let (runtime, client) = self.core.live(py)?;
        let call = || client.execute(operation);
        Ok(Operation::begin(runtime, call, Value::Output))
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
        let call = || client.start_task(session_id, start);
        Ok(Operation::begin(runtime, call, Value::Task))
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

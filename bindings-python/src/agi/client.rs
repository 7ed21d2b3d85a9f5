//! The client of AGI.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sessionwire::agi::{self, EventOptions, PoolOptions, RunTasks, StartTask};
use sessionwire::background::Background;
use sessionwire::seam::agi::{Operation, Output, Resume};
use sessionwire::{ClientConfig, ClientOptions, Error, ErrorKind, OptionChanges, telemetry};

use super::fanout::TaskRuns;
use super::pool::SessionPool;
use super::task::Started;
use crate::pending::{Pending, Reply};
use crate::runtime::Runtime;
use crate::service::{Core, PerRuntime};
use crate::stream::EventStream;
use crate::telemetry::Trace;
use crate::{error, json, params};

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

    fn trace(&self, content: Option<&str>) -> telemetry::Trace {
        self.trace(content)
    }

    fn traced(&self, trace: &telemetry::Trace) -> Self {
        self.traced(trace)
    }

    fn close(&self) {
        self.close();
    }

    fn background(&self) -> &Background {
        self.background()
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

    /// A trace for a span of a call.
    #[pyo3(signature = (content=None))]
    fn trace(&self, py: Python<'_>, content: Option<&str>) -> PyResult<Trace> {
        self.core.trace(py, content)
    }

    /// A copy whose requests belong to this span.
    fn traced(&self, py: Python<'_>, trace: &Trace) -> PyResult<Self> {
        let core = self.core.traced(py, trace)?;
        Ok(Self { core })
    }

    /// Starts a request: `{"op": ..., ...}`.
    fn start(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Pending> {
        let operation: Operation =
            params::read(params, ErrorKind::InvalidRequest, &params::op_of(params))?;
        let (runtime, client) = self.core.live(py)?;
        let call = || client.execute(operation);
        Ok(Pending::begin(runtime, call))
    }

    /// Sends a task; the call's value is a Task.
    fn start_task(
        &self,
        py: Python<'_>,
        session_id: &str,
        params: &Bound<'_, PyAny>,
    ) -> PyResult<Pending> {
        let start: StartTask = params::read(params, ErrorKind::InvalidRequest, "start_task")?;
        let (runtime, client) = self.core.live(py)?;
        let call = || {
            let starting = client.start_task(session_id, start);
            async move { Ok(Started(starting.await)) }
        };
        Ok(Pending::begin(runtime, call))
    }

    /// Goes on with a task, or sends one that was prepared; the call's value is a Task.
    fn resume(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Pending> {
        let resume: Resume = params::read(params, ErrorKind::InvalidRequest, "resume")?;
        let (runtime, client) = self.core.live(py)?;
        let call = || {
            let resuming = resume.of(&client);
            async move { Ok(Started(resuming.await)) }
        };
        Ok(Pending::begin(runtime, call))
    }

    /// Starts many tasks, one session each.
    fn run_tasks(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<TaskRuns> {
        let plan: RunTasks = params::read(params, ErrorKind::InvalidRequest, "run_tasks")?;
        let (runtime, client) = self.core.live(py)?;
        let _entered = runtime.handle().enter();
        let outcomes = client
            .run_tasks(plan)
            .map_err(|failure| error::to_py(py, &failure))?;
        Ok(TaskRuns::new(runtime, outcomes))
    }

    /// Waits shortly until no earlier `run_tasks` of this process has the journal; None where
    /// none has it.
    fn journal_left(&self, py: Python<'_>, path: PathBuf) -> PyResult<Option<Pending>> {
        let Some(left) = sessionwire::journal::left(&path) else {
            return Ok(None);
        };
        let (runtime, _) = self.core.live(py)?;
        Ok(Some(Pending::spawn(runtime, async move {
            left.await;
            Ok(true)
        })))
    }

    /// A pool of sessions.
    fn pool(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<SessionPool> {
        let options: PoolOptions = params::read(params, ErrorKind::InvalidRequest, "pool")?;
        let (runtime, client) = self.core.live(py)?;
        let _entered = runtime.handle().enter();
        let pool = client
            .sessions()
            .pool(options)
            .map_err(|failure| error::to_py(py, &failure))?;
        Ok(SessionPool::new(runtime, pool))
    }

    /// A client whose calls end when the session with this lease is given back; None where it
    /// was already.
    #[staticmethod]
    fn leased(py: Python<'_>, pool: &SessionPool, lease: u64) -> PyResult<Option<Self>> {
        let Some(client) = pool.client_of(py, lease)? else {
            return Ok(None);
        };
        let core = PerRuntime::of(py, client)?;
        Ok(Some(Self { core }))
    }

    /// Opens a session's event stream.
    fn events(
        &self,
        py: Python<'_>,
        session_id: &str,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<EventStream> {
        let options: EventOptions = params::read(options, ErrorKind::InvalidRequest, "events")?;
        let (runtime, client) = self.core.live(py)?;
        let _entered = runtime.handle().enter();
        let queue = client
            .events(session_id, options)
            .map_err(|failure| error::to_py(py, &failure))?;
        Ok(EventStream::new(runtime, queue))
    }

    /// Deletes the sessions that this process created with this client and its
    /// copies, also once it is closed; the call's value is a list of
    /// (session id, why) of those that are left. None where there are none.
    fn delete_created_sessions(&self, seconds: f64) -> Option<Pending> {
        let (runtime, client) = self.core.usable()?;
        let limit = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Some(Pending::spawn(runtime, async move {
            Ok(Undeleted(client.delete_created_sessions(limit).await))
        }))
    }

    /// Ends every call, wait and stream of this client and its copies.
    fn close(&self, py: Python<'_>) {
        self.core.close(py);
    }

    /// Waits for what goes on in the background; the call's value is a list of
    /// texts that say which sessions are left. None where nothing goes on.
    fn settle(&self, seconds: f64) -> Option<Pending> {
        self.core.settle(seconds)
    }
}

/// JSON values, and a pair of fields and image for a screenshot.
impl Reply for Output {
    fn into_py(self: Box<Self>, py: Python<'_>, _: &'static Runtime) -> PyResult<Py<PyAny>> {
        let output = self.take().map_err(|failure| error::to_py(py, &failure))?;
        let fields = json::parse(py, output.to_json().as_bytes())?;
        match output.into_image() {
            Some(image) => (fields, PyBytes::new(py, &image))
                .into_pyobject(py)
                .map(|pair| pair.into_any().unbind()),
            None => Ok(fields.unbind()),
        }
    }
}

/// Sessions that could not be deleted, and why.
#[derive(Debug)]
struct Undeleted(Vec<(String, Error)>);

impl Reply for Undeleted {
    fn into_py(self: Box<Self>, py: Python<'_>, _: &'static Runtime) -> PyResult<Py<PyAny>> {
        let failures = self.0.into_iter();
        let texts: Vec<_> = failures
            .map(|(session_id, why)| (session_id, why.to_string()))
            .collect();
        Ok(texts.into_pyobject(py)?.into_any().unbind())
    }
}

//! The client of Raccoon.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sessionwire::background::Background;
use sessionwire::raccoon::{
    self, Attach, EventOptions, RaccoonConfig, RaccoonOptions, RunTurns, StartTurn,
};
use sessionwire::seam::raccoon::{Check, Operation, Output, Resume};
use sessionwire::{ErrorKind, OptionChanges, telemetry};

use super::fanout::TurnRuns;
use super::hooks::Hooks;
use super::upload::Upload;
use crate::pending::{Pending, Reply};
use crate::runtime::Runtime;
use crate::service::{Core, PerRuntime};
use crate::stream::EventStream;
use crate::telemetry::Trace;
use crate::{error, json, params};

/// A client of the core whose hooks are functions of Python.
#[derive(Debug, Clone)]
pub(crate) struct Hooked {
    client: raccoon::Client,
    setup: Setup,
}

/// What it is built from.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    config: RaccoonConfig,
    hooks: Option<Arc<Hooks>>,
}

impl Core for Hooked {
    type Options = RaccoonOptions;
    type Config = Setup;

    fn resolve(options: RaccoonOptions) -> sessionwire::Result<Setup> {
        let config = RaccoonConfig::resolve(options)?;
        Ok(Setup {
            config,
            hooks: None,
        })
    }

    fn open(setup: Setup) -> sessionwire::Result<Self> {
        let config = setup.config.clone();
        let config = match &setup.hooks {
            Some(hooks) => hooks.connect(config)?,
            None => config,
        };
        let client = raccoon::Client::new(config)?;
        Ok(Self { client, setup })
    }

    fn config(&self) -> &Setup {
        &self.setup
    }

    fn with_options(&self, changes: OptionChanges) -> sessionwire::Result<Self> {
        let client = self.client.with_options(changes)?;
        let config = client.config().clone();
        let hooks = self.setup.hooks.clone();
        let setup = Setup { config, hooks };
        Ok(Self { client, setup })
    }

    fn trace(&self, content: Option<&str>) -> telemetry::Trace {
        self.client.trace(content)
    }

    fn traced(&self, trace: &telemetry::Trace) -> Self {
        Self {
            client: self.client.traced(trace),
            setup: self.setup.clone(),
        }
    }

    fn close(&self) {
        self.client.close();
    }

    fn background(&self) -> &Background {
        self.client.background()
    }
}

/// A client of Raccoon. It works in every thread, and anew in a child process.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct RaccoonClient {
    core: PerRuntime<Hooked>,
}

impl RaccoonClient {
    /// The client of the core, for a call.
    fn live(&self, py: Python<'_>) -> PyResult<(&'static Runtime, raccoon::Client)> {
        if let Some(hooks) = &self.core.config().hooks {
            hooks.refuse_inside(py)?;
        }
        let (runtime, core) = self.core.live(py)?;
        Ok((runtime, core.client))
    }
}

#[pymethods]
impl RaccoonClient {
    #[new]
    #[pyo3(signature = (options, *, decode_frame=None, decode_answer=None))]
    fn new(
        py: Python<'_>,
        options: &Bound<'_, PyAny>,
        decode_frame: Option<Py<PyAny>>,
        decode_answer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let hooks = Hooks::new(decode_frame, decode_answer);
        let core = PerRuntime::open_as(py, options, |setup| Setup { hooks, ..setup })?;
        Ok(Self { core })
    }

    /// The service's address.
    #[getter]
    fn base_url(&self) -> &str {
        self.core.config().config.base_url()
    }

    /// Whether the client was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.core.closed()
    }

    /// How many turns may run at once, as the service said last.
    #[getter]
    fn max_concurrent(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        Ok(self.core.live(py)?.1.client.max_concurrent())
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
        let (runtime, client) = self.live(py)?;
        let call = || client.execute(operation);
        Ok(Pending::begin(runtime, call))
    }

    /// Starts a turn; the call's value is a Turn.
    fn start_turn(
        &self,
        py: Python<'_>,
        session_id: &str,
        params: &Bound<'_, PyAny>,
    ) -> PyResult<Pending> {
        let start: StartTurn = params::read(params, ErrorKind::InvalidRequest, "start_turn")?;
        let (runtime, client) = self.live(py)?;
        let call = || client.start_turn(session_id, start);
        Ok(Pending::begin(runtime, call))
    }

    /// Attaches to a turn; the call's value is a Turn.
    fn attach(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Pending> {
        let attach: Attach = params::read(params, ErrorKind::InvalidRequest, "attach")?;
        let (runtime, client) = self.live(py)?;
        let call = || client.attach(attach);
        Ok(Pending::begin(runtime, call))
    }

    /// Goes on with a turn, or starts one that was prepared; the call's value is a Turn.
    fn resume(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Pending> {
        let resume: Resume = params::read(params, ErrorKind::InvalidRequest, "resume")?;
        let (runtime, client) = self.live(py)?;
        let call = || resume.of(&client);
        Ok(Pending::begin(runtime, call))
    }

    /// Starts many turns.
    fn run_turns(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<TurnRuns> {
        let plan: RunTurns = params::read(params, ErrorKind::InvalidRequest, "run_turns")?;
        let (runtime, client) = self.live(py)?;
        let _entered = runtime.handle().enter();
        let outcomes = client
            .run_turns(plan)
            .map_err(|failure| error::to_py(py, &failure))?;
        Ok(TurnRuns::new(runtime, outcomes))
    }

    /// Watches a session's events.
    fn events(
        &self,
        py: Python<'_>,
        session_id: &str,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<EventStream> {
        let options: EventOptions = params::read(options, ErrorKind::InvalidRequest, "events")?;
        let (runtime, client) = self.live(py)?;
        let _entered = runtime.handle().enter();
        let queue = client
            .events(session_id, options)
            .map_err(|failure| error::to_py(py, &failure))?;
        Ok(EventStream::new(runtime, queue))
    }

    /// The frame that stops a turn, as a dict.
    fn stop_frame<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (_, client) = self.live(py)?;
        json::parse(py, client.stop_frame().to_string().as_bytes())
    }

    /// Starts an upload of a file, of bytes, or of what is written to it.
    #[pyo3(signature = (params, *, path=None, content=None))]
    fn upload(
        &self,
        py: Python<'_>,
        params: &Bound<'_, PyAny>,
        path: Option<PathBuf>,
        content: Option<Vec<u8>>,
    ) -> PyResult<Upload> {
        let upload: raccoon::Upload = params::read(params, ErrorKind::InvalidRequest, "upload")?;
        let (runtime, client) = self.live(py)?;
        Upload::start(py, runtime, &client, upload, path, content)
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

impl Reply for Output {
    fn into_py(self: Box<Self>, py: Python<'_>, _: &'static Runtime) -> PyResult<Py<PyAny>> {
        let output = self.take().map_err(|failure| error::to_py(py, &failure))?;
        Ok(json::parse(py, output.to_json().as_bytes())?.unbind())
    }
}

/// Refuses input that a call would refuse: `{"check": ..., ...}`. Sends nothing.
#[pyfunction]
pub(crate) fn check_raccoon(py: Python<'_>, params: &Bound<'_, PyDict>) -> PyResult<()> {
    let input: Check = params::read(params, ErrorKind::InvalidRequest, "The call")?;
    input.run().map_err(|failure| error::to_py(py, &failure))
}

/// A new UUID for a session.
#[pyfunction]
pub(crate) fn new_session_id(py: Python<'_>) -> PyResult<String> {
    raccoon::new_session_id().map_err(|failure| error::to_py(py, &failure))
}

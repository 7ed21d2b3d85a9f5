//! A turn on the runtime.

use pyo3::prelude::*;
use sessionwire::ErrorKind;
use sessionwire::raccoon;
use sessionwire::seam::raccoon::TurnOperation;

use crate::pending::{Pending, Reply};
use crate::runtime::{self, Runtime, RuntimeBound};
use crate::stream::EventStream;
use crate::telemetry::Trace;
use crate::{error, json, params};

/// A turn that runs in a session.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct Turn {
    bound: RuntimeBound<raccoon::Turn>,
    // A forked child may attach by them.
    session_id: String,
    message_id: String,
}

impl Turn {
    pub(crate) fn new(runtime: &'static Runtime, turn: raccoon::Turn) -> Self {
        Self {
            session_id: turn.session_id().to_owned(),
            message_id: turn.message_id().to_owned(),
            bound: RuntimeBound::new(runtime, turn),
        }
    }

    fn turn(&self, py: Python<'_>) -> PyResult<&raccoon::Turn> {
        self.bound.get().ok_or_else(|| error::forked(py, "turn"))
    }
}

#[pymethods]
impl Turn {
    /// The session's id.
    #[getter]
    fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The id of the agent's message.
    #[getter]
    fn message_id(&self) -> &str {
        &self.message_id
    }

    /// How many turns go before this one.
    #[getter]
    fn queue_position(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        Ok(self.turn(py)?.queue_position())
    }

    /// The turn as of the newest event received, as a dict.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::parse(py, self.turn(py)?.state().to_json().as_bytes())
    }

    /// Which setting may cure that the turn does not end; empty where nothing is odd.
    fn cure(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.turn(py)?.cure())
    }

    /// The turn and its position as a text; its reader holds so many events.
    fn handle(&self, py: Python<'_>, held: usize) -> PyResult<String> {
        Ok(self.turn(py)?.handle_of_reader(held))
    }

    /// The stream of this turn's events: for every loop over the turn.
    fn events(&self, py: Python<'_>) -> PyResult<EventStream> {
        Ok(EventStream::of(
            self.bound.runtime(),
            self.turn(py)?.queue().clone(),
            "turn",
        ))
    }

    /// A trace for a span of a call about the turn.
    #[pyo3(signature = (content=None))]
    fn trace(&self, py: Python<'_>, content: Option<&str>) -> PyResult<Trace> {
        Ok(Trace(self.turn(py)?.trace(content)))
    }

    /// A copy whose own requests belong to this span.
    fn traced(&self, py: Python<'_>, trace: &Trace) -> PyResult<Self> {
        let turn = self.turn(py)?.traced(&trace.0);
        Ok(Self::new(self.bound.runtime(), turn))
    }

    /// What the span of the turn is to say, if it has one.
    #[pyo3(signature = (error=None))]
    fn report<'py>(
        &self,
        py: Python<'py>,
        error: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let report = self.turn(py)?.report(error);
        report
            .map(|report| json::parse(py, report.as_bytes()))
            .transpose()
    }

    /// Starts a request about the turn.
    fn start(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Pending> {
        let operation: TurnOperation =
            params::read(params, ErrorKind::InvalidRequest, "The turn's call")?;
        let (runtime, turn) = (Runtime::current(py)?, self.turn(py)?);
        let call = || turn.execute(operation);
        Ok(Pending::begin(runtime, call))
    }

    /// The frame that a request about the turn is to send, as a dict.
    fn frame<'py>(
        &self,
        py: Python<'py>,
        params: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let operation = params::read(params, ErrorKind::InvalidRequest, "The turn's call")?;
        let frame = self.turn(py)?.frame(operation);
        let frame = frame.map_err(|refusal| error::to_py(py, &refusal))?;
        json::parse(py, frame.to_string().as_bytes())
    }

    /// Stops reading events; the turn itself goes on.
    fn close(&self, py: Python<'_>) {
        if let Some(turn) = self.bound.get() {
            runtime::tick(py, || turn.close());
        }
    }
}

impl Reply for raccoon::Turn {
    fn into_py(self: Box<Self>, py: Python<'_>, runtime: &'static Runtime) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Turn::new(runtime, *self))?.into_any())
    }
}

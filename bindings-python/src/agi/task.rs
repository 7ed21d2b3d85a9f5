//! A task on the runtime.

use pyo3::prelude::*;
use sessionwire::ErrorKind;
use sessionwire::agi;
use sessionwire::seam::agi::TaskOperation;

use crate::pending::{Pending, Reply};
use crate::runtime::{self, Runtime, RuntimeBound};
use crate::stream::EventStream;
use crate::telemetry::Trace;
use crate::{error, events, json, params};

/// A task that runs in a session.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct Task {
    bound: RuntimeBound<agi::Task>,
}

impl Task {
    pub(crate) fn new(runtime: &'static Runtime, task: agi::Task) -> Self {
        Self {
            bound: RuntimeBound::new(runtime, task),
        }
    }

    fn task(&self, py: Python<'_>) -> PyResult<&agi::Task> {
        self.bound.get().ok_or_else(|| error::forked(py, "task"))
    }
}

#[pymethods]
impl Task {
    /// The session's id.
    #[getter]
    fn session_id(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.task(py)?.session_id().to_owned())
    }

    /// The open question, or None.
    #[getter]
    fn question(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let question = self.task(py)?.question();
        question
            .map(|question| events::to_py(py, question))
            .transpose()
    }

    /// The task and its position as a text; its reader holds so many events.
    fn handle(&self, py: Python<'_>, held: usize) -> PyResult<String> {
        Ok(self.task(py)?.handle_of_reader(held))
    }

    /// The stream of this task's events: for every loop over the task.
    fn events(&self, py: Python<'_>) -> PyResult<EventStream> {
        Ok(EventStream::of(
            self.bound.runtime(),
            self.task(py)?.queue().clone(),
            "task",
        ))
    }

    /// A trace for a span of a call about the task.
    #[pyo3(signature = (content=None))]
    fn trace(&self, py: Python<'_>, content: Option<&str>) -> PyResult<Trace> {
        Ok(Trace(self.task(py)?.trace(content)))
    }

    /// A copy whose own requests belong to this span.
    fn traced(&self, py: Python<'_>, trace: &Trace) -> PyResult<Self> {
        let task = self.task(py)?.traced(&trace.0);
        Ok(Self::new(self.bound.runtime(), task))
    }

    /// What the span of the task is to say, if it has one.
    #[pyo3(signature = (error=None))]
    fn report<'py>(
        &self,
        py: Python<'py>,
        error: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let report = self.task(py)?.report(error);
        report
            .map(|report| json::parse(py, report.as_bytes()))
            .transpose()
    }

    /// Starts a request about the task.
    fn start(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Pending> {
        let operation: TaskOperation =
            params::read(params, ErrorKind::InvalidRequest, "The task's call")?;
        let (runtime, task) = (Runtime::current(py)?, self.task(py)?);
        let call = || task.execute(operation);
        Ok(Pending::begin(runtime, call))
    }

    /// Stops reading events; the task itself goes on.
    fn close(&self, py: Python<'_>) {
        if let Some(task) = self.bound.get() {
            runtime::tick(py, || task.close());
        }
    }
}

/// What a start gives: a task, or an error that may carry the one in its way.
#[derive(Debug)]
pub(crate) struct Started(pub(crate) sessionwire::Result<agi::Task>);

impl Reply for Started {
    fn into_py(self: Box<Self>, py: Python<'_>, runtime: &'static Runtime) -> PyResult<Py<PyAny>> {
        let failure = match self.0 {
            Ok(task) => return Ok(Py::new(py, Task::new(runtime, task))?.into_any()),
            Err(failure) => failure,
        };
        let exception = error::to_py(py, &failure);
        if let Some(task) = failure.task() {
            let task = Py::new(py, Task::new(runtime, task))?;
            exception.value(py).setattr("task", task)?;
        }
        Err(exception)
    }
}

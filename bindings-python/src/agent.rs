//! Tasks and turns of an emulator whose agent is a Python function: they are
//! taken from a queue, and what the function does is a call like a client's
//! request.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use sessionwire::{Error, ErrorKind};
use sessionwire_emulator::{self as emulator, JobHandle, TaskOver};

use crate::pending::{Pending, Reply};
use crate::runtime::{Runtime, RuntimeBound};
use crate::{error, json, params};

/// The tasks or turns that wait for the function.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct AgentJobs {
    bound: RuntimeBound<Arc<emulator::AgentJobs>>,
}

impl AgentJobs {
    pub(crate) fn new(runtime: &'static Runtime, jobs: emulator::AgentJobs) -> Self {
        Self {
            bound: RuntimeBound::new(runtime, Arc::new(jobs)),
        }
    }
}

#[pymethods]
impl AgentJobs {
    /// Waits for one: an AgentJob, or None once none will come any more.
    fn next(&self, py: Python<'_>) -> PyResult<Pending> {
        let jobs = self.bound.get().ok_or_else(|| error::forked(py, "agent"))?;
        let jobs = jobs.clone();
        Ok(Pending::spawn(self.bound.runtime(), async move {
            Ok(NextJob(jobs.next().await))
        }))
    }
}

/// One task or turn to work on. Dropping it without `finish` ends it as a failure.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct AgentJob {
    bound: RuntimeBound<Job>,
}

#[derive(Debug)]
struct Job {
    handle: JobHandle,
    task: String,
    /// None once it is finished.
    job: Mutex<Option<emulator::AgentJob>>,
}

impl AgentJob {
    pub(crate) fn new(runtime: &'static Runtime, job: emulator::AgentJob) -> Self {
        let job = Job {
            handle: job.handle.clone(),
            task: job.task.to_string(),
            job: Mutex::new(Some(job)),
        };
        Self {
            bound: RuntimeBound::new(runtime, job),
        }
    }

    fn job(&self, py: Python<'_>) -> PyResult<&Job> {
        self.bound.get().ok_or_else(|| error::forked(py, "agent"))
    }
}

#[pymethods]
impl AgentJob {
    /// The fields of the task or turn.
    #[getter]
    fn task<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::parse(py, self.job(py)?.task.as_bytes())
    }

    /// Starts a call of the agent: `{"op": ..., ...}`.
    fn start(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Pending> {
        let what = "The agent's call";
        let call = params::read(params, ErrorKind::InvalidRequest, what)?;
        let reply = self.job(py)?.handle.start(call).map_err(|why| {
            let why = Error::new(ErrorKind::InvalidRequest, format!("{what}: {why}"));
            error::to_py(py, &why)
        })?;
        Ok(Pending::spawn(self.bound.runtime(), async move {
            Ok(AgentReply(reply.await))
        }))
    }

    /// Why the job is no longer the agent's, or None.
    fn over(&self, py: Python<'_>) -> PyResult<Option<&'static str>> {
        Ok(self.job(py)?.handle.over().map(TaskOver::reason))
    }

    /// Waits until it is; the call's value is the reason.
    fn wait_until_over(&self, py: Python<'_>) -> PyResult<Pending> {
        let handle = self.job(py)?.handle.clone();
        Ok(Pending::spawn(self.bound.runtime(), async move {
            let over = handle.wait_until_over().await;
            Ok(AgentReply(Ok(over.reason().into())))
        }))
    }

    /// Says how the work went: well, or with this error.
    #[pyo3(signature = (error=None))]
    fn finish(&self, error: Option<String>) {
        let Some(job) = self.bound.get() else { return };
        let job = job
            .job
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(job) = job {
            job.finish(error.map_or(Ok(()), |error| Err(error.into())));
        }
    }
}

/// A task or turn for the function, if there will be one.
#[derive(Debug)]
struct NextJob(Option<emulator::AgentJob>);

impl Reply for NextJob {
    fn into_py(self: Box<Self>, py: Python<'_>, runtime: &'static Runtime) -> PyResult<Py<PyAny>> {
        match self.0 {
            Some(job) => Ok(Py::new(py, AgentJob::new(runtime, job))?.into_any()),
            None => Ok(py.None()),
        }
    }
}

/// What a call of the agent gives.
#[derive(Debug)]
struct AgentReply(Result<serde_json::Value, TaskOver>);

impl Reply for AgentReply {
    fn into_py(self: Box<Self>, py: Python<'_>, _: &'static Runtime) -> PyResult<Py<PyAny>> {
        match self.0 {
            Ok(value) => json::parse(py, value.to_string().as_bytes()).map(Bound::unbind),
            Err(over) => Err(error::task_over(py, over)),
        }
    }
}

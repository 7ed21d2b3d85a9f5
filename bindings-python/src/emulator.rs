//! The emulator, in this process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use sessionwire::{Error, ErrorKind};
use sessionwire_emulator as emulator;

use crate::agent::AgentJobs;
use crate::pending::Pending;
use crate::runtime::{self, Runtime, RuntimeBound};
use crate::{error, json, params};

/// A local server that speaks the service's API; it runs once constructed.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct Emulator {
    bound: RuntimeBound<Arc<emulator::Emulator>>,
    /// The work of the agents that it was started with, until it is asked for.
    jobs: Mutex<Option<AgentJobs>>,
    turn_jobs: Mutex<Option<AgentJobs>>,
    /// It was said that what it held is lost.
    told: AtomicBool,
}

impl Emulator {
    fn server(&self, py: Python<'_>) -> PyResult<&emulator::Emulator> {
        self.bound
            .get()
            .map(Arc::as_ref)
            .ok_or_else(|| error::forked(py, "emulator"))
    }
}

/// Waits for `work` on the runtime.
fn block_on<T: Send + 'static>(
    py: Python<'_>,
    runtime: &'static Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> PyResult<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    runtime.handle().spawn(runtime::boxed(async move {
        // Who waited may be gone, by a signal.
        drop(sender.send(work.await));
    }));
    let mut value = None;
    let slot = &mut value;
    runtime::wait(py, move |limit| match receiver.recv_timeout(limit) {
        Ok(done) => {
            *slot = Some(done);
            true
        }
        Err(mpsc::RecvTimeoutError::Timeout) => false,
        Err(mpsc::RecvTimeoutError::Disconnected) => true,
    })?;
    value.ok_or_else(|| {
        PyRuntimeError::new_err("the emulator stopped: a bug, or the interpreter ends")
    })
}

fn take(jobs: &Mutex<Option<AgentJobs>>) -> Option<AgentJobs> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn config_error(py: Python<'_>, message: impl Into<String>) -> PyErr {
    error::to_py(py, &Error::new(ErrorKind::Config, message))
}

#[pymethods]
impl Emulator {
    #[new]
    fn new(
        py: Python<'_>,
        options: &Bound<'_, PyAny>,
        agent: bool,
        turn_agent: bool,
    ) -> PyResult<Self> {
        let mut options: emulator::Options =
            params::read(options, ErrorKind::Config, "The emulator's options")?;
        let runtime = Runtime::current(py)?;
        let jobs = agent.then(|| {
            let (agent, jobs) = emulator::Agent::queue();
            options.agent = Some(agent);
            AgentJobs::new(runtime, jobs)
        });
        let turn_jobs = turn_agent.then(|| {
            let (agent, jobs) = emulator::TurnAgent::queue();
            options.turn_agent = Some(agent);
            AgentJobs::new(runtime, jobs)
        });
        let started = block_on(py, runtime, emulator::Emulator::start(options))?;
        let server = started.map_err(|failure| config_error(py, failure.to_string()))?;
        Ok(Self {
            bound: RuntimeBound::new(runtime, Arc::new(server)),
            jobs: Mutex::new(jobs),
            turn_jobs: Mutex::new(turn_jobs),
            told: AtomicBool::new(false),
        })
    }

    /// The same emulator with a world of its own for one key; None: a new key.
    fn world(&self, py: Python<'_>, key: Option<&str>) -> PyResult<Self> {
        let world = self.server(py)?.world(key).map_err(|failure| {
            error::to_py(
                py,
                &Error::new(ErrorKind::InvalidRequest, format!("world: {failure}")),
            )
        })?;
        Ok(Self {
            bound: RuntimeBound::new(self.bound.runtime(), Arc::new(world)),
            jobs: Mutex::default(),
            turn_jobs: Mutex::default(),
            told: AtomicBool::new(false),
        })
    }

    /// Sets everything back to how it began.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        self.server(py)?.reset();
        Ok(())
    }

    /// Sets the clock of the sessions that are created from now on.
    fn clock(&self, py: Python<'_>, clock: &Bound<'_, PyAny>) -> PyResult<()> {
        let clock: emulator::Clock = params::read(clock, ErrorKind::InvalidRequest, "clock")?;
        self.server(py)?.clock(clock);
        Ok(())
    }

    /// The tasks of the agent that it was started with; once.
    fn agent_jobs(&self) -> Option<AgentJobs> {
        take(&self.jobs)
    }

    /// The same of the agent for turns.
    fn turn_agent_jobs(&self) -> Option<AgentJobs> {
        take(&self.turn_jobs)
    }

    /// Gives it another agent, or the built-in one; the tasks of the new agent.
    fn agent(&self, py: Python<'_>, on: bool) -> PyResult<Option<AgentJobs>> {
        let (agent, jobs) = on.then(emulator::Agent::queue).unzip();
        self.server(py)?.agent(agent);
        Ok(jobs.map(|jobs| AgentJobs::new(self.bound.runtime(), jobs)))
    }

    /// The same for turns.
    fn turn_agent(&self, py: Python<'_>, on: bool) -> PyResult<Option<AgentJobs>> {
        let (agent, jobs) = on.then(emulator::TurnAgent::queue).unzip();
        self.server(py)?.turn_agent(agent);
        Ok(jobs.map(|jobs| AgentJobs::new(self.bound.runtime(), jobs)))
    }

    /// The address for `base_url`.
    #[getter]
    fn url(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.server(py)?.url().to_owned())
    }

    /// The address for a Raccoon client's `base_url`.
    #[getter]
    fn raccoon_url(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.server(py)?.raccoon_url().to_owned())
    }

    /// A key that the emulator accepts.
    #[getter]
    fn api_key(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.server(py)?.api_key().to_owned())
    }

    /// The page that shows all sessions.
    #[getter]
    fn live_url(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.server(py)?.live_url().to_owned())
    }

    /// The base URL of the control API.
    #[getter]
    fn control_url(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.server(py)?.control_url())
    }

    /// What the control API wants as a token.
    #[getter]
    fn control_token(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.server(py)?.control_token().map(str::to_owned))
    }

    /// The file with what clients must trust.
    #[getter]
    fn ca_file(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let file = self.server(py)?.ca_file();
        Ok(file.map(|path| path.to_string_lossy().into_owned()))
    }

    /// Whether other machines can use it.
    #[getter]
    fn is_remote(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.server(py)?.is_remote())
    }

    /// What users should hear of when it has started.
    #[getter]
    fn warnings(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.server(py)?.warnings().to_vec())
    }

    /// How many event streams are open now.
    #[getter]
    fn open_streams(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.server(py)?.open_streams())
    }

    /// How many sessions live now.
    #[getter]
    fn session_count(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.server(py)?.session_count())
    }

    /// The requests that are meant, in order, as a list of dicts.
    fn requests<'py>(
        &self,
        py: Python<'py>,
        filter: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: emulator::RequestFilter =
            params::read(filter, ErrorKind::InvalidRequest, "requests")?;
        let requests = serde_json::to_string(&self.server(py)?.requests_matching(&filter))
            .map_err(|failure| config_error(py, failure.to_string()))?;
        json::parse(py, requests.as_bytes())
    }

    /// The nearest request and what differs, and what happened so far.
    fn explain(&self, py: Python<'_>, filter: &Bound<'_, PyAny>) -> PyResult<String> {
        let filter: Option<emulator::RequestFilter> =
            params::read(filter, ErrorKind::InvalidRequest, "requests")?;
        Ok(self.server(py)?.explain(filter.as_ref()))
    }

    /// How often a request arrived or was answered.
    #[getter]
    fn request_changes(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.server(py)?.request_changes())
    }

    /// Waits for the next change; False once the emulator is closed.
    fn requests_changed(&self, py: Python<'_>, seen: u64) -> PyResult<Pending> {
        self.server(py)?;
        let server = self.bound.get().cloned();
        Ok(Pending::spawn(self.bound.runtime(), async move {
            Ok(match server {
                Some(server) => server.requests_changed(seen).await,
                None => false,
            })
        }))
    }

    /// Forgets the requests so far.
    fn clear_requests(&self, py: Python<'_>) -> PyResult<()> {
        self.server(py)?.clear_requests();
        Ok(())
    }

    /// Injects a fault.
    fn fail(&self, py: Python<'_>, fault: &Bound<'_, PyAny>) -> PyResult<()> {
        let fault: emulator::Fault = params::read(fault, ErrorKind::InvalidRequest, "fail")?;
        self.server(py)?.fail(fault).map_err(|failure| {
            error::to_py(
                py,
                &Error::new(ErrorKind::InvalidRequest, format!("fail: {failure}")),
            )
        })
    }

    /// The faults that still wait, as text.
    fn faults(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let faults = self.server(py)?.faults();
        Ok(faults.iter().map(ToString::to_string).collect())
    }

    /// What a test should hear of when it ends, as two lists of sentences.
    fn unplayed(&self, py: Python<'_>) -> PyResult<(Vec<String>, Vec<String>)> {
        let unplayed = self.server(py)?.unplayed();
        Ok((unplayed.unmatched, unplayed.unused))
    }

    /// The attempts to deliver webhooks, as a list of dicts.
    fn webhook_attempts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let attempts = serde_json::to_string(&self.server(py)?.webhook_attempts())
            .map_err(|failure| config_error(py, failure.to_string()))?;
        json::parse(py, attempts.as_bytes())
    }

    /// Takes all faults back.
    fn clear_faults(&self, py: Python<'_>) -> PyResult<()> {
        self.server(py)?.clear_faults();
        Ok(())
    }

    /// Says what the agent does next.
    fn scenario(&self, py: Python<'_>, scenario: &Bound<'_, PyAny>) -> PyResult<()> {
        let scenario: emulator::Scenario =
            params::read(scenario, ErrorKind::InvalidRequest, "scenario")?;
        self.server(py)?.scenario(scenario);
        Ok(())
    }

    /// Says what the agent does next, from a file.
    fn scenario_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let server = self.server(py)?;
        let set = py.detach(|| server.scenario_file(path));
        set.map_err(|failure| {
            error::to_py(
                py,
                &Error::new(ErrorKind::InvalidRequest, format!("scenario: {failure}")),
            )
        })
    }

    /// Ends every connection and stops. Can be called twice. An error says once that what it held could not be kept.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let runtime = self.bound.runtime();
        let unkept = match self.bound.get().cloned() {
            Some(server) if runtime.is_usable() => block_on(py, runtime, async move {
                server.close().await;
                server.unkept()
            })?,
            _ => None,
        };
        match unkept {
            Some(unkept) if !self.told.swap(true, Ordering::AcqRel) => {
                Err(config_error(py, unkept.lost()))
            }
            _ => Ok(()),
        }
    }
}
